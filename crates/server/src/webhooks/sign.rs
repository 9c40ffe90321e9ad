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

    /// Another implementation of the convention signs the same, and differently where anything differs.
    #[test]
    fn another_implementation_signs_the_same() {
        let (message, at, body) = ("evt_1", 1_700_000_000, r#"{"name":"inquiry.created"}"#);
        let other = Webhook::new(&shown(&[7; 32])).unwrap().sign(message, at, body.as_bytes()).unwrap();
        assert_eq!(signature(&[7; 32], message, at, body), other);
        assert_ne!(signature(&[8; 32], message, at, body), other);
        assert_ne!(signature(&[7; 32], "evt_2", at, body), other);
        assert_ne!(signature(&[7; 32], message, 1_700_000_001, body), other);
        assert_ne!(signature(&[7; 32], message, at, r#"{"name":"inquiry.expired"}"#), other);
    }
}
