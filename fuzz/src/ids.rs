//! Ids and the other bounded texts (I1, L7, S6, V1): each takes its own form and gives it back as it was.

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use inquiry_otl::{
    Clients, CodeFormat, Creator, EventId, InquiryId, KeyId, LinkId, Purpose, ReferenceId, Region, SessionId,
    Status, TemplateId, TenantId,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{marked, repeats_nothing};

/// Reads a text as each kind of id, and its first bytes as those that the library makes.
pub fn run(input: &[u8]) {
    if let Some(bits) = input.first_chunk().map(|bytes| u128::from_be_bytes(*bytes)) {
        made(bits);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let own = |prefix: &str| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            rest.len() == 26
                && rest.bytes().all(|b| b"0123456789abcdefghjkmnpqrstvwxyz".contains(&b))
                && rest.as_bytes()[0] <= b'7'
        })
    };
    let foreign = |prefix: &str| {
        text.len() <= 31
            && text.strip_prefix(prefix).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            })
    };
    is_one::<LinkId>(text, own("otl_"));
    is_one::<SessionId>(text, own("iqse_"));
    is_one::<EventId>(text, own("evt_"));
    is_one::<InquiryId>(text, foreign("inq_"));
    is_one::<TemplateId>(text, foreign("itmpl_"));
    let plain = |most| (1..=most).contains(&text.len());
    let all = |allowed: fn(u8) -> bool| text.bytes().all(allowed);
    let is_low = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    is_one::<TenantId>(
        text,
        plain(31) && all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b)),
    );
    is_one::<Region>(text, plain(8) && all(is_low));
    let is_text = plain(255) && !text.chars().any(char::is_control);
    is_one::<ReferenceId>(text, is_text);
    is_one::<Creator>(text, is_text);

    word(text, Clients::as_str);
    word(text, Purpose::as_str);
    word(text, Status::as_str);
    if let Some(number) = input.first() {
        assert_eq!(KeyId::new(*number).is_ok(), (1..=31).contains(number), "C2");
        let bits = u32::from(*number) * 2;
        assert_eq!(CodeFormat::new(bits).is_ok(), (128..=256).contains(&bits) && bits % 8 == 0, "C1");
    }
}

/// Exactly the texts that have its form are one, and each stays as it is: as text, and as JSON.
fn is_one<T>(text: &str, has_form: bool)
where
    T: FromStr<Err: Display + Debug> + Display + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let kind = std::any::type_name::<T>();
    repeats_nothing(marked(text).parse::<T>());
    let wire = serde_json::to_string(text).expect("a text is written");
    let from_wire = serde_json::from_str::<T>(&wire);
    repeats_nothing(serde_json::from_value::<T>(marked(text).into()));
    match text.parse::<T>() {
        Ok(id) => {
            assert!(has_form, "{kind} was made of {text:?}");
            assert_eq!(id.to_string(), text, "{kind}");
            assert_eq!(serde_json::to_string(&id).ok().as_ref(), Some(&wire), "{kind}");
            assert_eq!(from_wire.ok().as_ref(), Some(&id), "{kind}");
        }
        Err(error) => {
            assert!(!has_form, "{kind} was not made of {text:?}: {error}");
            assert!(from_wire.is_err(), "{kind} was read from JSON alone: {text:?}");
        }
    }
}

/// A word stands for one value, whose word it is.
fn word<T: FromStr>(text: &str, word: fn(T) -> &'static str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(word(value), text);
    }
}

/// S3: 128 bits and the text are the same, and sort alike.
fn made(bits: u128) {
    let (id, next) = (LinkId::from_u128(bits), LinkId::from_u128(bits.wrapping_mul(3)));
    assert_eq!(id.as_u128(), bits);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(id.cmp(&next), id.to_string().cmp(&next.to_string()), "S3: ids do not sort as their texts");
    assert_eq!(SessionId::from_u128(bits).to_string().parse(), Ok(SessionId::from_u128(bits)));
    let event = EventId::from_u128(bits);
    assert_eq!(event.nth(7).as_u128(), bits.wrapping_add(7), "V1");
    assert_eq!(event.to_string().parse(), Ok(event));
}
