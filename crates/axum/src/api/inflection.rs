//! The case of keys: kebab, camel or snake, in answers as a request asks for, in bodies as they come.

use serde_json::{Map, Value};

/// The case that the keys of an answer have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Inflection {
    #[default]
    Kebab,
    Camel,
    Snake,
}

impl Inflection {
    /// The case of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "kebab" => Some(Self::Kebab),
            "camel" => Some(Self::Camel),
            "snake" => Some(Self::Snake),
            _ => None,
        }
    }

    /// The same with its keys, which are kebab, in this case. Values stay as they are.
    pub(super) fn written(self, value: Value) -> Value {
        match self {
            Self::Kebab => value,
            Self::Camel => with_keys(value, &|key| {
                let mut words = key.split('-');
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |mut text, word| {
                    let mut letters = word.chars();
                    text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
                    text + letters.as_str()
                })
            }),
            Self::Snake => with_keys(value, &|key| key.replace('-', "_")),
        }
    }
}

fn with_keys(value: Value, write: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => {
            let written = members.into_iter().map(|(key, value)| (write(&key), with_keys(value, write)));
            Value::Object(written.collect())
        }
        Value::Array(items) => items.into_iter().map(|item| with_keys(item, write)).collect(),
        plain => plain,
    }
}

/// A key of a request in kebab, whichever case it has.
pub(super) fn kebab(key: &str) -> String {
    if key.contains(['-', '_']) {
        return key.replace('_', "-");
    }
    let mut text = String::with_capacity(key.len());
    let mut before = None;
    for letter in key.chars() {
        let begins_number = letter.is_ascii_digit() && before.is_some_and(|c: char| c.is_ascii_alphabetic());
        if before.is_some() && (letter.is_ascii_uppercase() || begins_number) {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
        before = Some(letter);
    }
    text
}

/// The same object with keys in kebab; nothing if two keys say the same.
pub(super) fn read(members: &Map<String, Value>) -> Option<Vec<(String, &Value)>> {
    let mut read: Vec<_> = members.iter().map(|(key, value)| (kebab(key), value)).collect();
    read.sort_by(|(one, _), (other, _)| one.cmp(other));
    read.windows(2).all(|pair| matches!(pair, [(one, _), (other, _)] if one != other)).then_some(read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_read_in_every_case_and_written_in_the_one_asked_for() {
        let kebab_keys = json!({"data": [{"address-street-1": {"session-token": "a-b_cD"}}]});
        let camel = Inflection::Camel.written(kebab_keys.clone());
        assert_eq!(camel, json!({"data": [{"addressStreet1": {"sessionToken": "a-b_cD"}}]}));
        let snake = Inflection::Snake.written(kebab_keys.clone());
        assert_eq!(snake, json!({"data": [{"address_street_1": {"session_token": "a-b_cD"}}]}));
        assert_eq!(Inflection::Kebab.written(kebab_keys.clone()), kebab_keys);
        for key in ["address-street-1", "address_street_1", "addressStreet1"] {
            assert_eq!(kebab(key), "address-street-1");
        }
        assert_eq!(kebab("data"), "data");
    }

    #[test]
    fn a_key_in_two_cases_is_given_twice() {
        let twice = json!({"inquiry-id": 1, "inquiryId": 2});
        assert_eq!(read(twice.as_object().unwrap()), None);
    }
}
