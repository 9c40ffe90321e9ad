//! Starting: what is made, what is told, and what is refused.

use std::{fs, os::unix::fs::PermissionsExt as _};

use reqwest::StatusCode;

use crate::support::{Place, files};

/// At the first start a token is told, once; at the second one everything is as it was.
#[tokio::test]
async fn the_first_start_tells_a_token_and_the_second_knows_it() {
    let place = Place::new();
    let first = place.serve(&[]);
    let token = first.token.clone().unwrap();
    let inquiry = first.inquiry().await;
    assert!(first.stop().success());

    let second = place.serve(&[]);
    assert_eq!(second.token, None);
    let path = format!("/api/v1/inquiries/{inquiry}");
    let asked = second.request(reqwest::Method::GET, &path);
    assert_eq!(asked.try_clone().unwrap().bearer_auth(&token).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(asked.bearer_auth("guessed").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(files(place.folder.path()).contains(&"inquiry-otl.key".to_owned()));
}

/// The key is for its owner alone; a file that others may read is refused.
#[tokio::test]
async fn a_key_that_others_may_read_is_refused() {
    let place = Place::new();
    let key = place.file("inquiry-otl.key");
    drop(place.serve(&[]));
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let said = place.refused(&[]);
    assert!(said.contains("chmod 600"), "{said}");
}

/// Two servers on one folder would both send each mail: the second is refused, until the first is gone, in whatever way.
#[tokio::test]
async fn a_second_server_on_the_folder_is_refused() {
    let place = Place::new();
    let first = place.serve(&[]);
    let said = place.refused(&[]);
    assert!(said.contains("another server runs on this folder"), "{said}");
    first.kill();
    assert_eq!(place.serve(&[]).get("/readyz").await.status(), StatusCode::OK);
}

/// Whatever is wrong is named, by the setting that says so, and is not repeated where it may hold a password.
#[test]
fn a_wrong_setting_is_named() {
    let place = Place::new();
    fs::write(place.file("file"), "").unwrap();
    fs::write(place.file("port.toml"), "requests = \"many\"").unwrap();
    fs::write(place.file("name.toml"), "lissten = \"127.0.0.1:0\"").unwrap();
    fs::write(place.file("text.toml"), "listen").unwrap();
    let path = |name: &str| place.file(name).to_str().unwrap().to_owned();
    for (setting, arguments) in [
        ("--listen", ["--listen", "nowhere"]),
        ("`listen`", ["--listen", "192.0.2.1:1"]),
        ("--requests", ["--requests", "0"]),
        ("--keep-events", ["--keep-events", "0"]),
        ("`store`", ["--store", "mysql://admin:hunter2@db/otl"]),
        ("`store`", ["--store", "postgres://admin:hunter2@["]),
        ("`store`", ["--store", "sqlite:/nowhere/at/all.db"]),
        ("`url`", ["--url", "verify.example.com"]),
        ("`url`", ["--url", "https://verify.example.com/path"]),
        ("`url`", ["--url", "http://verify.example.com"]),
        ("`continue-to`", ["--continue-to", "javascript:alert(1)"]),
        ("`data`", ["--data", &path("file/folder")]),
        ("`key-file`", ["--key-file", "/nowhere/at/all.key"]),
        ("requests", ["--config", &path("port.toml")]),
        ("lissten", ["--config", &path("name.toml")]),
        ("text.toml", ["--config", &path("text.toml")]),
        ("missing.toml", ["--config", &path("missing.toml")]),
    ] {
        let said = place.refused(&arguments);
        assert!(said.contains(setting), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
