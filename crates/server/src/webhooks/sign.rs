//! How a message is signed, after the conventions of Standard Webhooks.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::secrets::mac;

/// The header `webhook-signature` of a message that is sent at that second.
pub(super) fn signature(key: &[u8], message: &str, at: i64, body: &str) -> String {
    let signed = format!("{message}.{at}.{body}");
    format!("v1,{}", STANDARD.encode(mac(key, signed.as_bytes())))
}

/// The key, as receivers are told it.
pub(super) fn shown(key: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(format!("whsec_{}", STANDARD.encode(key)))
}

#[cfg(test)]
mod tests {
    use standardwebhooks::Webhook;

    use super::*;

    /// What another implementation of the convention takes, and what it does not.
    #[test]
    fn another_implementation_takes_the_signature() {
        let key = [7; 32];
        let receiver = Webhook::new(&shown(&key)).unwrap();
        let (message, at, body) = ("evt_1", 1_700_000_000, r#"{"name":"inquiry.created"}"#);
        let verify = |signature: String, message: &str, at: i64, body: &str| {
            let mut headers = axum::http::HeaderMap::new();
            headers.insert("webhook-id", message.parse().unwrap());
            headers.insert("webhook-timestamp", at.into());
            headers.insert("webhook-signature", signature.parse().unwrap());
            receiver.verify_ignoring_timestamp(body.as_bytes(), &headers).is_ok()
        };
        let good = || signature(&key, message, at, body);
        assert!(verify(good(), message, at, body));
        assert!(!verify(good(), "evt_2", at, body));
        assert!(!verify(good(), message, at + 1, body));
        assert!(!verify(good(), message, at, r#"{"name":"inquiry.expired"}"#));
        assert!(!verify(signature(&[8; 32], message, at, body), message, at, body));
    }
}
