//! The style and the script of all pages, which a browser keeps for ever: a new one has a new name.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest as _, Sha256};

use crate::secrets::hex;

/// How the pages look.
pub(crate) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css", include_str!("../../assets/style.css")));
/// What makes them quicker to use; they work without it.
pub(crate) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("script", "js", "text/javascript", include_str!("../../assets/script.js")));
/// What stands in a tab.
pub(crate) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("../../assets/icon.svg")));

/// A file of this program.
pub(crate) struct Asset {
    name: String,
    kind: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, text: &'static str) -> Self {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let version: String = hex(&digest).chars().take(12).collect();
        Self { name: format!("{stem}-{version}.{extension}"), kind, text }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> String {
        format!("/dashboard/assets/{}", self.name)
    }
}

/// They are what a browser may keep, so they go without the headers of pages.
pub(crate) fn router() -> Router {
    Router::new().route("/dashboard/assets/{name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = [&*STYLE, &*SCRIPT, &*ICON].into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    (headers, asset.text).into_response()
}
