//! Serves one link on this machine, until the standard input ends: open it in a browser, twice.
//!
//! It has what a service on the internet has: a limit on rates, and a trace without codes.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use inquiry_otl::{LinkRequest, MemoryStore, NewInquiry, Service, TemplateId, UrlFormat, UrlStyle};
use inquiry_otl_axum::{
    CurrentSession, SessionCookie, redacted_span,
    verify::{FormKey, GoOn, Verify},
};
use tokio::{io, net::TcpListener};
use tower_governor::{GovernorLayer, governor::GovernorConfigBuilder};
use tower_http::trace::TraceLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://localhost:{}", listener.local_addr()?.port());

    let short = UrlFormat::new(&format!("{base}/c"))?.with_style(UrlStyle::Path);
    let urls = UrlFormat::new(&format!("{base}/verify"))?.also_accepting(short);
    let service = Arc::new(Service::builder(MemoryStore::new()).url_format(urls).build()?);
    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    let link = service.issue(LinkRequest::resume(inquiry.id)).await?;

    // On the internet, with https, neither cookie needs `over_http_on_loopback`.
    let cookie = SessionCookie::default().over_http_on_loopback();
    let verify = Verify::builder(service, FormKey::random())
        .over_http_on_loopback()
        .enter(GoOn::to("/inquiry")?.with_cookie(cookie.clone()))?;

    // Twenty requests at once from one address, and two a second after that; others get 429 with `Retry-After`. Behind a
    // proxy the address is in a header: see `tower_governor::key_extractor`.
    let limit = GovernorConfigBuilder::default()
        .per_millisecond(500)
        .burst_size(20)
        .finish()
        .ok_or("no such limit")?;
    let app = Router::new()
        .route("/inquiry", get(welcome))
        .with_state(verify.sessions(cookie))
        .merge(verify.router().layer(GovernorLayer::new(limit)))
        .layer(TraceLayer::new_for_http().make_span_with(redacted_span));

    println!("{}", link.url.expose());
    println!("Open this link in a browser, press the button, and open it again. Ctrl-C ends the server.");
    let served = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    let (mut input, mut nowhere) = (io::stdin(), io::sink());
    tokio::select! {
        served = served => served?,
        ended = io::copy(&mut input, &mut nowhere) => { ended?; }
    }
    Ok(())
}

async fn welcome(CurrentSession(session): CurrentSession) -> String {
    format!("Welcome back to {}.\n", session.inquiry)
}
