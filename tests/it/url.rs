//! URLs that carry a code.

use inquiry_otl::{CodeError, CodeFormat, Region, UrlError, UrlFormat, UrlFormatError, UrlStyle};
use proptest::{prelude::*, sample::select};

use crate::code::text_of;

fn sample() -> String {
    text_of("", 0, &[0xA5; 20])
}

fn codes() -> CodeFormat {
    CodeFormat::default()
}

/// Reads a text with the default format; `{}` stands for a code in it.
fn read(text: &str) -> Result<String, UrlError> {
    let code = UrlFormat::default().parse(&codes(), &text.replace("{}", &sample()))?;
    Ok(code.expose().as_str().to_owned())
}

/// C5: the default forms are Persona's.
#[test]
fn a_code_is_written_into_each_form() {
    let code = codes().parse(&sample()).unwrap();
    let text = sample();
    for (format, wanted) in [
        (UrlFormat::default(), format!("https://withpersona.com/verify?code={text}")),
        (UrlFormat::short(), format!("https://perso.na/verify?code={text}")),
        (UrlFormat::short_path(), format!("https://perso.na/{text}")),
        (
            UrlFormat::new("https://Verify.Acme.com:443/").unwrap(),
            format!("https://verify.acme.com/?code={text}"),
        ),
        (UrlFormat::new("http://localhost:3000").unwrap(), format!("http://localhost:3000/?code={text}")),
        (
            UrlFormat::new("https://acme.com/l").unwrap().with_style(UrlStyle::Path),
            format!("https://acme.com/l/{text}"),
        ),
    ] {
        assert_eq!(format.url(&code).expose(), wanted);
        assert!(format.parse(&codes(), &wanted).is_ok(), "{wanted}");
    }
    assert_eq!(UrlFormat::default().short_url(&code).expose(), format!("https://perso.na/{text}"));
    assert_eq!(UrlFormat::short().short_url(&code).expose(), UrlFormat::short().url(&code).expose());
}

/// C4: `Debug` shows where a URL points and not its code.
#[test]
fn debug_shows_no_code() {
    let regional = codes().with_region(Region::new("us1").unwrap());
    let code = regional.parse(&text_of("us1", 0, &[0xA5; 20])).unwrap();
    let url = UrlFormat::default().url(&code);
    assert_eq!(format!("{url:?}"), "LinkUrl(https://withpersona.com/verify?code=[redacted])");
}

/// C6: the full URL, the short URL and the bare code, as mail leaves them.
#[test]
fn every_accepted_form_is_read() {
    for text in [
        "{}",
        " {}. ",
        "https://withpersona.com/verify?code={}",
        "http://withpersona.com/verify?code={}",
        "HTTPS://WITHPERSONA.COM/VERIFY?CODE={}",
        "withpersona.com/verify?code={}",
        "https://withpersona.com:443/verify?code={}",
        "http://withpersona.com:80/verify/?code={}",
        "<https://withpersona.com/verify?code={}>",
        "\"https://withpersona.com/verify?code={}\".",
        "(https://withpersona.com/verify?code={}),",
        "https://withpersona.com/verify?code={}#top",
        "https://withpersona.com/verify?code={}.#top",
        "https://withpersona.com/verify?utm_source=mail&code={}&utm_medium=x=y",
        "https://withpersona.com/verify?utm_source=mail&amp;code={}&amp;utm_medium=x",
        "https://withpersona.com/verify?barcode=1&code=%20{}%0A",
        "https://withpersona.com/verify?code={}&redirect=https://evil.example/verify?code=1",
        "https://perso.na/verify?code={}",
        "perso.na/{}",
        "https://perso.na/{}/",
        "https://perso.na/{}?utm_source=sms",
        "https://perso.na/{}?code=ignored",
    ] {
        assert_eq!(read(text), Ok(sample()), "{text}");
    }
}

/// C6: what mail and chat programs do to a URL.
#[test]
fn what_mail_and_chat_do_to_a_url_is_forgiven() {
    let (front, back) = ("https://withpersona.com/verify?code=", sample());
    let (half, rest) = back.split_at(9);
    for text in [
        format!("{front}{half}=\r\n{rest}"),
        format!("{front}{half}=\n{rest}=\n"),
        format!("{front}3D{half}=\r\n{rest}"),
        format!("{front}3d=\n{half}{rest}"),
        format!("{front}\n{half}\r\n{rest}"),
        format!("https://withper=\r\nsona.com/verify?utm=3Dx&co=\r\nde=3D{half}{rest}"),
        format!("\u{FEFF}{front}\u{200B}{half}\u{200C}\u{200D}{rest}\u{2060}"),
    ] {
        assert_eq!(read(&text), Ok(sample()), "{text:?}");
    }
    for text in [
        "{}\u{2026}",
        "*{}*",
        "**{}**.",
        "`{}`",
        "code={}",
        " Code={}&utm_source=mail",
        "code={} Thanks",
        "code=3D{}",
        "<URL:https://withpersona.com/verify?code={}>",
        "[text](https://withpersona.com/verify?code={})",
        "[withpersona.com/verify](https://withpersona.com/verify?code={}).",
        "[https://withpersona.com/verify?u=1&code={}](https://withpersona.com/verify?u=1&code={})",
        "https://withpersona.com/verify?u=1&code={}<https://withpersona.com/verify?u=1&code={}>",
        "withpersona.com/verify?code={} <https://withpersona.com/verify?code={}>",
        "<https://withpersona.com/verify?code={}|Resume your inquiry>",
        "<a href=\"https://withpersona.com/verify?code={}\">here</a>",
        "https://withpersona.com/verify?a[]=1&code={}",
        "*https://withpersona.com/verify?code={}*",
        "_https://withpersona.com/verify?code={}_",
        "See *https://withpersona.com/verify?code={}*, please",
        "https://withpersona.com/verify?code={}\u{2026}",
        "Click here: https://withpersona.com/verify?code={}",
        "Is it you? Click/tap http://withpersona.com/verify?code={}",
        "Click here:HTTPS://perso.na/{}",
        "https://withpersona.com/verify?code={} Thanks, Bob",
        "https://withpersona.com/verify?code={}\n\nThanks/regards, Bob & Co. #1",
        "https://withpersona.com/verify?code={} https://evil.example/verify?code=1",
        "https://perso.na/{} Thanks/regards",
        "https://perso.na/{}\u{2026}",
        "https%3A%2F%2Fwithpersona.com%2Fverify%3Fcode%3D{}",
        "https%3a%2f%2fwithpersona.com%2fverify%3futm%3dx%26code%3d%2520{}.",
        "Click: https%3A%2F%2Fperso.na%2F{}",
        "https%3A%2F%2Fperso=\r\n.na%2F{}",
    ] {
        assert_eq!(read(text), Ok(sample()), "{text:?}");
    }
}

/// C6: what is forgiven opens no other host, and hides no second code.
#[test]
fn what_is_forgiven_lets_nothing_else_in() {
    use UrlError::{Code, MissingCode, OtherHost, OtherPath, RepeatedCode};

    for (text, reason) in [
        ("Click here: https://evil.example/verify?code={}", OtherHost),
        ("https://evil.example/ https://withpersona.com/verify?code={}", OtherHost),
        ("[https://evil.example](https://withpersona.com/verify?code={})", OtherHost),
        ("evil.example/?u=https://withpersona.com/verify?code={}", OtherHost),
        ("evil.example/(https://withpersona.com/verify?code={})", OtherHost),
        ("user@https://withpersona.com/verify?code={}", OtherHost),
        ("xhttps://withpersona.com/verify?code={}", OtherHost),
        ("git+https://withpersona.com/verify?code={}", OtherHost),
        ("see ftp://withpersona.com/verify?code={}", OtherHost),
        ("go to withpersona.com/verify?code={}", OtherHost),
        ("Click: https://user@withpersona.com/verify?code={}", OtherHost),
        ("https://withpersona.com<@evil.example/verify?code={}", OtherHost),
        ("https://with\u{200B}persona.com/verify?code={}", OtherHost),
        ("Click: https://withpersona.com/other?code={}", OtherPath),
        ("https://withpersona.com/verify>?code={}", MissingCode),
        ("https://withpersona.com/verify \"?code={}", OtherPath),
        (
            "https://eur01.safelinks.example/?url=https%3A%2F%2Fwithpersona.com%2Fverify%3Fcode%3D{}",
            OtherHost,
        ),
        ("safelinks.example/?url=https%3A%2F%2Fwithpersona.com%2Fverify%3Fcode%3D{}", OtherHost),
        ("safelinks.example%2F%3Furl%3Dhttps%3A%2F%2Fwithpersona.com%2Fverify%3Fcode%3D{}", OtherHost),
        ("https%3A%2F%2Fevil.example%2Fverify%3Fcode%3D{}", OtherHost),
        ("https%3A%2F%2Fuser%40withpersona.com%2Fverify%3Fcode%3D{}", OtherHost),
        ("https://withpersona.com%2Fverify%3Fcode%3D{}%26x%3D@evil.example/", OtherHost),
        ("https%3A%2F%2Fwithpersona.com%2Fverify%3Fcode%3D{}%26code%3D{}", RepeatedCode),
        ("https://evil.exam=\r\nple/verify?code=3D{}", OtherHost),
        ("https://withpersona.com/verify?code=3D{}&co=\nde=3D{}", RepeatedCode),
        ("https://withpersona.com/verify?code={}&code=\n{}", RepeatedCode),
        ("code={}&code={}", RepeatedCode),
        ("code=", MissingCode),
        ("https://withpersona.com/verify?code={}{} Thanks", Code(CodeError::Length)),
        ("*{}", Code(CodeError::Alphabet)),
    ] {
        assert_eq!(read(text), Err(reason), "{text:?}");
    }
    // Spaces within a code and words behind it: where the code ends would be a guess.
    let spaced = sample().replacen('M', " M", 1);
    assert!(read(&format!("https://withpersona.com/verify?code={spaced}")).is_ok());
    assert_eq!(
        read(&format!("https://withpersona.com/verify?code={spaced} Thanks, Bob")),
        Err(Code(CodeError::Alphabet))
    );
}

/// C6: each refusal has its reason.
#[test]
fn every_other_url_is_refused_with_its_reason() {
    use UrlError::{Code, MissingCode, OtherHost, OtherPath, RepeatedCode};

    for (text, reason) in [
        ("https://evil.example/verify?code={}", OtherHost),
        ("https://withpersona.com@evil.example/verify?code={}", OtherHost),
        ("https://user@withpersona.com/verify?code={}", OtherHost),
        ("https://evil.example\\@withpersona.com/verify?code={}", OtherHost),
        ("https://withpersona.com.evil.example/verify?code={}", OtherHost),
        ("https://withpersona.com:444/verify?code={}", OtherHost),
        ("https://withpersona.com:80/verify?code={}", OtherHost),
        ("ftp://withpersona.com/verify?code={}", OtherHost),
        ("https:///verify?code={}", OtherHost),
        ("?code={}", Code(CodeError::Alphabet)),
        ("/verify?code={}", OtherHost),
        ("https://evil.example/?u=https://withpersona.com/verify?code={}", OtherHost),
        ("https://evil.example#https://withpersona.com/verify?code={}", OtherHost),
        ("https://withpersona.com/?code={}", OtherPath),
        ("https://withpersona.com?code={}", OtherPath),
        ("https://withpersona.com/verify/x?code={}", OtherPath),
        ("https://withpersona.com//verify?code={}", OtherPath),
        ("https://withpersona.com/{}", OtherPath),
        ("https://perso.na/x/{}", OtherPath),
        ("https://withpersona.com/verify", MissingCode),
        ("https://withpersona.com/verify?", MissingCode),
        ("https://withpersona.com/verify?code", MissingCode),
        ("https://withpersona.com/verify?code=", MissingCode),
        ("https://withpersona.com/verify#code={}", MissingCode),
        ("https://withpersona.com/verify?xcode={}", MissingCode),
        ("https://perso.na/", MissingCode),
        ("https://perso.na//", MissingCode),
        ("https://withpersona.com/verify?code={}&code={}", RepeatedCode),
        ("https://withpersona.com/verify?code={}&amp;CODE=", RepeatedCode),
        ("https://withpersona.com/verify?code=%20", Code(CodeError::Empty)),
        ("https://withpersona.com/verify?code={}{}", Code(CodeError::Length)),
        ("https://withpersona.com/verify?code=%FF{}", Code(CodeError::Encoding)),
        ("https://perso.na/verify", MissingCode),
        ("%23{}", Code(CodeError::Alphabet)),
        ("HTTPS://withpersona.com/verify?code=0{}", Code(CodeError::Region)),
        ("", Code(CodeError::Empty)),
        ("withpersona.com", Code(CodeError::Alphabet)),
        ("withpersona%2Ecom", Code(CodeError::Alphabet)),
    ] {
        assert_eq!(read(text), Err(reason), "{text}");
    }
}

/// C2, C6: a mangled code is told as such, as it was written and as somebody's browser writes it.
#[test]
fn a_mangled_code_in_a_url_is_told() {
    let mangled = format!("{}{}", if sample().starts_with('1') { "2" } else { "1" }, &sample()[1..]);
    for text in ["https://withpersona.com/verify?code={}", "HTTPS://WithPersona.com/verify?code={}"] {
        let read = read(&text.replace("{}", &mangled));
        assert_eq!(read, Err(UrlError::Code(CodeError::Check)), "{text}");
    }
}

/// C6: absurd length is refused before any work, and a long code within a good URL as a code.
#[test]
fn absurd_length_is_refused() {
    assert_eq!(read(&"A".repeat(1 << 20)), Err(UrlError::TooLong));
    assert_eq!(read(&format!("https://perso.na/{}", "A".repeat(1 << 20))), Err(UrlError::TooLong));
    assert_eq!(
        read(&format!("https://perso.na/{}", "A".repeat(600))),
        Err(UrlError::Code(CodeError::TooLong))
    );
    let url = format!("https://withpersona.com/verify?code={}", sample());
    let padded = |len: usize| format!("{}{url}", " ".repeat(len - url.len()));
    let most = UrlFormat::MAX_INPUT;
    assert!(read(&padded(most)).is_ok());
    assert_eq!(read(&padded(most + 1)), Err(UrlError::TooLong));
}

/// C5, C6: a code stands right behind the whole path of its form, and not behind a part of it, or another one.
#[test]
fn a_code_in_the_path_follows_the_path_of_its_form() {
    let format = UrlFormat::new("https://acme.com/go").unwrap().with_style(UrlStyle::Path);
    let parse = |text: &str| format.parse(&codes(), &text.replace("{}", &sample())).map(|_| ());
    assert_eq!(parse("https://acme.com/GO/{}/"), Ok(()));
    for other in ["/go{}", "/no/{}", "/{}", "/go/x/{}", "/go//{}"] {
        assert_eq!(parse(&format!("https://acme.com{other}")), Err(UrlError::OtherPath), "{other}");
    }
}

/// C4, C6: a reason does not repeat the text.
#[test]
fn a_reason_repeats_nothing() {
    let error = UrlFormat::default().parse(&codes(), "https://evil.example/verify?code=SECRET").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("evil"));
}

/// C5: a base is https and plain, or plain http on this machine.
#[test]
fn a_base_that_is_not_plain_is_refused() {
    for (base, reason) in [
        ("", UrlFormatError::Scheme),
        ("verify.acme.com", UrlFormatError::Scheme),
        ("http://verify.acme.com", UrlFormatError::Scheme),
        ("http://localhost.evil.example", UrlFormatError::Scheme),
        ("ftp://verify.acme.com", UrlFormatError::Scheme),
        ("https://", UrlFormatError::Host),
        ("https:///verify", UrlFormatError::Host),
        ("https://user@acme.com", UrlFormatError::Host),
        ("https://acme..com", UrlFormatError::Host),
        ("https://-acme.com", UrlFormatError::Host),
        ("https://acme.com:0", UrlFormatError::Host),
        ("https://acme.com:", UrlFormatError::Host),
        ("https://acme.com:+1", UrlFormatError::Host),
        ("https://acme.com:65536", UrlFormatError::Host),
        ("https://[::1", UrlFormatError::Host),
        ("https://[evil]", UrlFormatError::Host),
        ("https://acme.com?code=1", UrlFormatError::Host),
        ("https://acme.com/a?b=c", UrlFormatError::Path),
        ("https://acme.com/a#b", UrlFormatError::Path),
        ("https://acme.com/a//b", UrlFormatError::Path),
        ("https://acme.com/a/../b", UrlFormatError::Path),
        ("https://acme.com/%61", UrlFormatError::Path),
        ("https://acme.com/é", UrlFormatError::Path),
    ] {
        assert_eq!(UrlFormat::new(base).err(), Some(reason), "{base}");
    }
    assert_eq!(
        UrlFormat::new(&format!("https://{}", "a".repeat(1 << 20))).err(),
        Some(UrlFormatError::TooLong)
    );
    let base = |len: usize| format!("https://acme.com/{}", "a".repeat(len - "https://acme.com/".len()));
    assert!(UrlFormat::new(&base(512)).is_ok());
    assert_eq!(UrlFormat::new(&base(513)).err(), Some(UrlFormatError::TooLong));
    for base in
        ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:8080/verify", "https://[2001:db8::1]"]
    {
        assert!(UrlFormat::new(base).is_ok(), "{base}");
    }
}

proptest! {
    /// C6: whatever comes in, the reader answers and does not panic.
    #[test]
    fn no_text_makes_the_reader_panic(
        text in any::<String>(),
        near in "(https?://)?(withpersona.com|perso.na|é)?(/|/verify|/é)?[?]?(code=|&|%[0-9a-f]?|[0-9A-Zé<>#/:@]){0,60}",
    ) {
        for text in [&text, &near] {
            let _ = UrlFormat::default().parse(&codes(), text);
            let _ = UrlFormat::new(text);
        }
    }

    /// C5, C6: every form reads what it writes, also after mail went over it.
    #[test]
    fn every_form_reads_what_it_writes(
        payload in any::<[u8; 20]>(),
        key in 0..32_u8,
        format in select(vec![UrlFormat::default(), UrlFormat::short(), UrlFormat::short_path()]),
        lower in any::<bool>(),
        back in select(&["", ".", ">", "\"", "!"][..]),
    ) {
        let text = text_of("", key, &payload);
        let url = format.url(&codes().parse(&text).unwrap()).expose().to_owned();
        let url = if lower { url.to_lowercase() } else { url };
        for reader in [&format, &UrlFormat::default()] {
            let code = reader.parse(&codes(), &format!("{url}{back}")).unwrap();
            let read = code.expose();
            prop_assert_eq!(read.as_str(), &text);
        }
    }
}

/// A code and a URL of it, with every leading symbol: `3D…` is a good start of a code.
fn urls() -> impl Strategy<Value = (String, String)> {
    let starts_like_an_escape = any::<[u8; 20]>().prop_map(|mut payload| {
        payload[0] = 0b0110_1000 | payload[0] & 7;
        (3, payload)
    });
    let formats = vec![UrlFormat::default(), UrlFormat::short(), UrlFormat::short_path()];
    (prop_oneof![(0..32_u8, any::<[u8; 20]>()), starts_like_an_escape], select(formats)).prop_map(
        |((key, payload), format)| {
            let text = text_of("", key, &payload);
            let url = format.url(&codes().parse(&text).unwrap()).expose().to_owned();
            (text, url)
        },
    )
}

proptest! {
    /// C6: no kind of damage, nor one upon another, makes another code of it.
    #[test]
    fn a_damaged_url_holds_the_same_code(
        (text, url) in urls(),
        inner in 0..4,
        place in any::<prop::sample::Index>(),
        invisible in select(&["", "\u{200B}", "\u{200C}", "\u{200D}", "\u{2060}", "\u{FEFF}", "\u{AD}", " "][..]),
        (front, back) in select(&[
            ("", ""), ("<URL:", ">"), ("[text](", ")"), ("*", "*"), ("_", "_"), ("Click here: ", ""), ("", "\u{2026}"),
            ("<", "|text>"), ("<a href=\"", "\">here</a>"), ("", "\r\nThanks, Bob"), ("\u{FEFF}", "\u{200B}"),
        ][..]),
    ) {
        let encoded = |url: &str| url.replace(':', "%3A").replace('/', "%2F").replace('?', "%3F").replace('=', "%3D");
        let within = place.index(text.len()) + url.len() - text.len();
        // White space within a code and words behind it do not go together.
        let words = back.contains("Thanks");
        let mut damaged = match inner {
            0 if words && invisible == " " => url,
            0 => format!("{}{invisible}{}", &url[..within], &url[within..]),
            1 if words => url,
            1 => format!("{}=\r\n{}", &url[..within], &url[within..]),
            2 => {
                let url = url.replace('=', "=3D");
                let places: Vec<usize> = (0..=url.len()).filter(|at| !url[..*at].ends_with(['=', '3'])).collect();
                let (front, back) = url.split_at(places[place.index(places.len())]);
                format!("{front}=\r\n{back}")
            }
            _ => encoded(&url),
        };
        // A tag or a line of text around an encoded URL is a URL to look at, and none of ours.
        if inner != 3 || !back.contains(['/', ',']) {
            damaged = format!("{front}{damaged}{back}");
        }
        let code = UrlFormat::default().parse(&codes(), &damaged);
        prop_assert_eq!(code.map(|code| code.expose().as_str().to_owned()), Ok(text), "{:?}", damaged);
    }
}

/// C5: a format is data and goes through its constructor.
#[cfg(feature = "serde")]
#[test]
fn a_format_is_read_through_its_constructor() {
    let text = r#"{"base":"https://withpersona.com/verify","style":"query","also-accepting":[{"base":"https://perso.na","style":"path"},{"base":"https://perso.na/verify","style":"query"}]}"#;
    assert_eq!(serde_json::to_string(&UrlFormat::default()).unwrap(), text);
    assert_eq!(serde_json::from_str::<UrlFormat>(text).unwrap(), UrlFormat::default());
    let plain = serde_json::from_str::<UrlFormat>(r#"{"base":"https://acme.com/"}"#).unwrap();
    assert_eq!(plain, UrlFormat::new("https://acme.com").unwrap());
    assert!(serde_json::from_str::<UrlFormat>(r#"{"base":"http://acme.com/"}"#).is_err());
}
