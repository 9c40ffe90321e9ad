//! Who may call.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use inquiry_otl::{Digest, MemoryStore, Retry, Service, StoreError, StoreErrorKind};
use inquiry_otl_axum::api::{Access, Api, Tokens, Verifier, WeakToken};
use tower::ServiceExt;

use super::world::{TOKEN, World};

/// C3: who has no good token is told so, wherever they ask and whatever is there.
#[tokio::test]
async fn without_a_token_nobody_learns_anything() {
    let world = World::new();
    let inquiry = world.inquiry().await;
    for path in [format!("/inquiries/{inquiry}"), "/inquiries/inq_nobody".into(), "/nowhere".into()] {
        for method in [Method::GET, Method::POST, Method::PATCH] {
            for (given, title) in [
                (None, "Must be authenticated to access this endpoint"),
                (Some(String::new()), "Must be authenticated to access this endpoint"),
                (Some("Bearer".into()), "Must be authenticated to access this endpoint"),
                (Some("Bearer  ".into()), "Must be authenticated to access this endpoint"),
                (Some(format!("Basic {TOKEN}")), "Must be authenticated to access this endpoint"),
                (Some("Bearer YH3Oj2m5VJ8qC4mB7yq1cx".into()), "Token is invalid"),
                (Some(format!("Bearer {TOKEN}x")), "Token is invalid"),
                (Some(format!("Bearer {}", &TOKEN[1..])), "Token is invalid"),
            ] {
                let mut request = Request::new(Body::empty());
                *request.method_mut() = method.clone();
                *request.uri_mut() = format!("/api/v1{path}").parse().unwrap();
                if let Some(given) = given {
                    request.headers_mut().insert(header::AUTHORIZATION, given.parse().unwrap());
                }
                let answer = world.send(request).await;
                answer.is_error(401, title);
                assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
            }
        }
    }
}

/// C3: tokens are known by their digests; one that could be guessed is not taken.
#[tokio::test]
async fn tokens_are_known_by_their_digests() {
    let digests = ["another token that nobody guesses", TOKEN].map(Tokens::digest);
    let tokens = Tokens::from_digests(digests);
    assert_eq!(tokens.verify(TOKEN).await.unwrap(), Access::Granted);
    assert_eq!(tokens.verify("letmein").await.unwrap(), Access::Invalid);
    assert_eq!(Tokens::from_digests([]).verify(TOKEN).await.unwrap(), Access::Invalid);
    for weak in ["", "letmein", "with a space in its middle", "YH3Oj2m5VJ8qC4mB7yq1c"] {
        assert_eq!(Tokens::new([weak]).err(), Some(WeakToken));
    }
    assert!(!format!("{:?}", Tokens::new([TOKEN]).unwrap()).contains(TOKEN));
    assert_eq!(digests.map(|digest: Digest| digest.prefix()).len(), 2);
}

/// A verifier that says what the token names.
struct Names;

impl Verifier for Names {
    async fn verify(&self, token: &str) -> Result<Access, StoreError> {
        let fault = |kind, retry| Err(StoreError::new(kind, retry));
        match token {
            "forbidden" => Ok(Access::Forbidden),
            "safe" => fault(StoreErrorKind::Unavailable, Retry::Safe),
            "unknown" => fault(StoreErrorKind::Timeout, Retry::Unknown),
            "corrupt" => fault(StoreErrorKind::Corrupt, Retry::Useless),
            _ => Ok(Access::Invalid),
        }
    }
}

/// S4: an application's own verifier decides; a fault says whether to ask again, and is neither yes nor no.
#[tokio::test]
async fn a_verifier_of_ones_own_decides() {
    let router = Api::new(Arc::new(Service::new(MemoryStore::new())), Names).into_router();
    for (token, status, again) in
        [("forbidden", 403, false), ("safe", 503, true), ("unknown", 503, false), ("corrupt", 500, false)]
    {
        let request = Request::get("/api/v1/inquiries/inq_1")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().contains_key(header::RETRY_AFTER), again);
    }
}
