//! Templates: what a change of one is for, which one comes first, what they are called by.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    staff::{Staff, create, location},
    support::Place,
};

/// E10: a change of a template is for inquiries that are made from then on; what is wrong is said at its field, and nothing is kept.
#[tokio::test]
async fn a_template_is_changed_for_what_comes_after() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let before = create(&staff).await;
    let path = "/dashboard/templates/itmpl_identity";
    let mut fields = vec![
        ("name", "Identity check"),
        ("after-create", "2"),
        ("after-create-unit", "days"),
        ("after-start", ""),
        ("after-resume", "90"),
        ("after-resume-unit", "minutes"),
        ("resume-link", ""),
        ("handoff-link", "30"),
        ("handoff-link-unit", "minutes"),
        ("session-limit", "3"),
        ("grace", "5"),
        ("grace-unit", "minutes"),
        ("grace-replays", "2"),
        ("grace-clients", "same"),
    ];
    for (field, wrong) in [
        ("after-create", "0"),
        ("handoff-link", ""),
        ("session-limit", "-1"),
        ("grace-replays", "many"),
        ("name", " "),
    ] {
        let wrong: Vec<_> =
            fields.iter().map(|(name, value)| (*name, if *name == field { wrong } else { value })).collect();
        let answer = staff.post(path, &wrong).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains(&format!("id=\"{field}-error\"")), "{field}");
    }
    assert!(
        staff
            .get(path)
            .await
            .text()
            .await
            .unwrap()
            .contains("name=\"session-limit\" inputmode=\"numeric\" value=\"25\"")
    );
    assert_eq!(location(&staff.post(path, &fields).await), "/dashboard/templates?done=saved");
    let page = staff.get(path).await.text().await.unwrap();
    for (name, value) in
        fields.iter().filter(|(name, _)| !name.ends_with("-unit") && !name.ends_with("clients"))
    {
        assert!(
            page.contains(&format!("name=\"{name}\"")) && page.contains(&format!("value=\"{value}\"")),
            "{name}"
        );
    }
    let after = create(&staff).await;
    let resumed = "stays open for 90 minutes from now";
    assert!(staff.get(&after).await.text().await.unwrap().contains(resumed));
    assert!(!staff.get(&before).await.text().await.unwrap().contains(resumed));

    fields[0].1 = "Another one";
    assert_eq!(staff.post("/dashboard/templates/new", &fields).await.status(), StatusCode::SEE_OTHER);
    let list = staff.get("/dashboard/templates").await.text().await.unwrap();
    assert_eq!(list.matches("<tr>").count(), 3, "a head and two templates");
}

/// Adds a template that is as the form says, under that id, and gives the answer's status.
async fn add(staff: &Staff, name: &str, id: &str) -> StatusCode {
    let windows =
        [("after-create", "1"), ("after-resume", "1"), ("handoff-link", "1"), ("session-limit", "1")];
    let form: Vec<_> = [("name", name), ("id", id)].into_iter().chain(windows).collect();
    staff.post("/dashboard/templates/new", &form).await.status()
}

/// New templates come after those that there are, whatever their ids, also after a restart and after changes: the form for a new
/// inquiry goes on to choose the first one.
#[tokio::test]
async fn the_first_template_stays_the_first() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    assert_eq!(add(&staff, "Second", "itmpl_0").await, StatusCode::SEE_OTHER);
    assert_eq!(add(&staff, "Third", "").await, StatusCode::SEE_OTHER);
    let order = async |staff: &Staff| {
        let page = staff.page("/dashboard/inquiries/new").await;
        let options = page.split("<option").skip(1).map(|option| option.split(['>', '<']).nth(1).unwrap());
        options.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(order(&staff).await, ["Identity check", "Second", "Third"]);
    let fields = [
        ("name", "First"),
        ("after-create", "1"),
        ("after-resume", "1"),
        ("handoff-link", "1"),
        ("session-limit", "1"),
    ];
    staff.post("/dashboard/templates/itmpl_identity", &fields).await;
    assert_eq!(order(&staff).await, ["First", "Second", "Third"]);
    let token = server.token.clone().unwrap();
    assert!(server.stop().success());
    let server = place.serve(&[]);
    assert_eq!(order(&server.sign_in(&token).await).await, ["First", "Second", "Third"]);
}

/// I1: a template may have the id that clients of the API send already; one that is no id, or is another's, is refused at its field.
#[tokio::test]
async fn a_template_may_have_an_id_of_ones_own() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let own = "itmpl_ygJLQM2oyLYsLbhgbhhVxxC7";
    for wrong in ["ygJLQM2oyLYsLbhgbhhVxxC7", "itmpl_", "itmpl_<b>", "itmpl_identity"] {
        assert_eq!(add(&staff, "Wrong", wrong).await, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    assert_eq!(add(&staff, "Own", &format!(" {own} ")).await, StatusCode::SEE_OTHER);
    assert_eq!(add(&staff, "Wrong", own).await, StatusCode::UNPROCESSABLE_ENTITY);
    let list = staff.page("/dashboard/templates").await;
    assert!(list.contains("Identity check") && list.contains("Own") && !list.contains("Wrong"), "{list}");
    let body = json!({"data": {"attributes": {"inquiry-template-id": own}}});
    let made = server.api(Method::POST, "/inquiries").json(&body).send().await.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
}
