//! What happens to one inquiry, from its creation to a second use that is refused.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    figures::Times,
    support::{Running, hidden},
};

/// What was acknowledged of a link.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Path and query.
    pub(crate) path: String,
    pub(crate) is_used: bool,
}

/// Why a story ended early.
#[derive(Debug)]
pub(crate) enum Ended {
    /// 503 with `Retry-After`.
    Busy,
    /// Whatever else.
    Wrong(String),
}

/// Goes through it. `acknowledged` has the link as soon as the server has told it, and that it was used as soon as it said so.
pub(crate) async fn story(
    server: &Running,
    times: &Times,
    acknowledged: &mut Option<Link>,
) -> Result<(), Ended> {
    let body =
        json!({"data": {"attributes": {"inquiry-template-id": "itmpl_identity", "reference-id": "load"}}});
    let create = server.api(Method::POST, "/inquiries").json(&body);
    let made = good(times.take("create an inquiry", create).await, StatusCode::CREATED)?;
    let inquiry = json(made).await?["data"]["id"].as_str().unwrap_or_default().to_owned();

    let generate = server.api(Method::POST, &format!("/inquiries/{inquiry}/generate-one-time-link"));
    let made = good(times.take("create a link", generate).await, StatusCode::OK)?;
    let link = json(made).await?["meta"]["one-time-link"].as_str().unwrap_or_default().to_owned();
    let path = link.strip_prefix(&server.url).unwrap_or_default().to_owned();
    *acknowledged = Some(Link { path: path.clone(), is_used: false });

    let page = good(times.take("open a link", server.request(Method::GET, &path)).await, StatusCode::OK)?;
    let used = press(server, times, page).await?;
    if used != StatusCode::SEE_OTHER {
        return Err(Ended::Wrong(format!("the first use was answered {used}")));
    }
    *acknowledged = Some(Link { path: path.clone(), is_used: true });

    good(times.take("open a used link", server.request(Method::GET, &path)).await, StatusCode::NOT_FOUND)?;
    let read = server.api(Method::GET, &format!("/inquiries/{inquiry}"));
    good(times.take("read an inquiry", read).await, StatusCode::OK)?;
    let list = server.api(Method::GET, "/inquiries?page%5Bsize%5D=10");
    good(times.take("list inquiries", list).await, StatusCode::OK).map(drop)
}

/// Presses the button of a link's page.
pub(crate) async fn press(server: &Running, times: &Times, page: Response) -> Result<StatusCode, Ended> {
    let cookie = page.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let form = hidden(&page.text().await.map_err(wrong)?);
    let press = server.request(Method::POST, "/verify").header("cookie", cookie).form(&form);
    let answer = times.take("use a link", press).await.map_err(wrong)?;
    if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
        return good(Ok(answer), StatusCode::SEE_OTHER).map(|answer| answer.status());
    }
    Ok(answer.status())
}

/// An answer of that status; 503 must say when to come back.
pub(crate) fn good(answer: Result<Response, reqwest::Error>, status: StatusCode) -> Result<Response, Ended> {
    let answer = answer.map_err(wrong)?;
    if answer.status() == status {
        Ok(answer)
    } else if answer.status() == StatusCode::SERVICE_UNAVAILABLE
        && answer.headers().contains_key("retry-after")
    {
        Err(Ended::Busy)
    } else {
        Err(Ended::Wrong(format!(
            "{} was answered {}",
            answer.url().path().split("/c/").next().unwrap_or_default(),
            answer.status()
        )))
    }
}

async fn json(answer: Response) -> Result<Value, Ended> {
    answer.json().await.map_err(wrong)
}

fn wrong(error: reqwest::Error) -> Ended {
    // The address may hold a code.
    Ended::Wrong(format!("{:?}", error.without_url()))
}
