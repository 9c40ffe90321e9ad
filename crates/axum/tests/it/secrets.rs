//! Where no code may ever be.

use axum::Router;
use tower_http::trace::TraceLayer;

use crate::{
    support::{Browser, World},
    traced::{trace, traced},
};

/// Visits a link in every way there is, and gives all secrets that were involved.
async fn visits(world: &World, app: &Router) -> Vec<String> {
    let link = world.link().await;
    let code = link.code.expose().as_str().to_owned();
    let mut person = Browser::new(app);
    let mut secrets = vec![code.clone(), code.to_lowercase()];
    let page = person.open(link.url.expose()).await;
    person.open(&format!("/c/{code}")).await;
    person.open(&format!("/verify?code={}", code.to_lowercase())).await;
    let mut stranger = Browser::new(app);
    stranger.site = Some("cross-site");
    stranger.press(&page.fields()).await;
    stranger.post("application/x-www-form-urlencoded", format!("code={code}&code={code}")).await;
    stranger.post("application/x-www-form-urlencoded", format!("code={code}{}", "&".repeat(5000))).await;
    let page = person.open(link.url.expose()).await;
    let entered = person.press(&page.fields()).await;
    let pressed = person.press(&page.fields()).await;
    let refused = stranger.open(link.url.expose()).await;
    for answer in [&entered, &pressed, &refused] {
        assert!(!answer.text().to_uppercase().contains(&code), "an answer repeats the code");
    }
    assert!(!format!("{:?}", page.headers).to_uppercase().contains(&code), "a header has the code");
    assert_eq!(page.body.matches(&code).count(), 1, "the page has the code in its form, and nowhere else");
    secrets.push(page.fields()["attempt"].clone());
    secrets.push(page.fields()["seal"].clone());
    secrets.push(person.cookies["__Host-otl-form"].clone());
    secrets.push(person.cookies["__Host-otl-browser"].clone());
    secrets.push(person.cookies["__Host-inquiry"].rsplit_once('.').unwrap().1.to_owned());
    secrets
}

/// C4: with all that is traced written down, no code, token, attempt key, seal or cookie is in it; the link's id is.
#[tokio::test]
async fn no_secret_is_traced() {
    trace();
    let world = World::new();
    let layer = TraceLayer::new_for_http().make_span_with(inquiry_otl_axum::redacted_span);
    let secrets = visits(&world, &world.app().layer(layer)).await;
    let text = traced();
    assert!(
        text.contains("link=otl_")
            && text.contains("path=\"/c/[redacted]\"")
            && text.contains("reason=\"used\""),
        "{text}"
    );
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "{secret} in {text}");
    }
}

/// C4: the layer's own span would show the code, which the test above would find.
#[tokio::test]
async fn the_usual_span_would_show_the_code() {
    trace();
    let world = World::new();
    let secrets = visits(&world, &world.app().layer(TraceLayer::new_for_http())).await;
    assert!(traced().contains(&secrets[0]));
}

/// C4: the same over a socket, with all that the server traces of it.
#[tokio::test]
async fn no_secret_is_traced_by_the_server() {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    trace();
    let world = World::new();
    let link = world.link().await;
    let code = link.code.expose().as_str().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = world.app();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /verify?code={code} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let text = traced();
    assert!(text.contains("link=otl_") && !text.contains(&code), "{text}");
}

/// C4: what is formatted for a log shows no secret either.
#[tokio::test]
async fn no_secret_is_shown_by_debug() {
    let world = World::new();
    let verify = world.verify().enter(async |_| "in").unwrap();
    let shown = format!(
        "{verify:?} {:?} {:?}",
        world.verify(),
        verify.sessions(inquiry_otl_axum::SessionCookie::default())
    );
    assert!(!shown.contains("7, 7") && !shown.contains("code"), "{shown}");
}
