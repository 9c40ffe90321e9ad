//! Starting: what is made, what is told, and what is refused.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    thread,
};

use inquiry_otl_testkit::redis::Redis;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Place, files, later};

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
    let asked = second.request(Method::GET, &path);
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

/// Links and webhooks hang on the key: once there is one, no other takes its place, wherever it is looked for.
#[tokio::test]
async fn a_key_file_that_is_missing_is_not_made_anew() {
    let place = Place::new();
    let (key, away) = (place.file("inquiry-otl.key"), place.file("away.key"));
    let first = place.serve(&[]);
    let link = first.link(&first.inquiry().await).await;
    let log = first.log();
    assert!(log.contains("made a key file") && log.contains(key.to_str().unwrap()), "{log}");
    assert!(first.stop().success());
    let elsewhere = place.refused(&["--key-file", away.to_str().unwrap()]);
    assert!(elsewhere.contains(away.to_str().unwrap()), "{elsewhere}");
    fs::rename(&key, &away).unwrap();
    let missing = place.refused(&[]);
    assert!(missing.contains(key.to_str().unwrap()), "{missing}");
    assert!(!key.exists(), "it was made anew");

    let second = place.serve(&["--key-file", away.to_str().unwrap()]);
    let path = link.split_once("/verify").unwrap().1;
    let opened = second.redeem(&format!("{}/verify{path}", second.url)).await;
    assert_eq!(opened.status(), StatusCode::SEE_OTHER);
    assert_eq!(second.log().matches("made a key file").count(), 1, "not at the second start");
}

/// A second server on a store wants the first one's key: under another one it would refuse its links.
#[tokio::test]
async fn a_store_in_use_wants_its_key() {
    let (place, other) = (Place::new(), Place::new());
    let store = format!("sqlite:{}", place.file("inquiry-otl.db").display());
    let key = other.file("inquiry-otl.key");
    let first = place.serve(&[]);
    first.inquiry().await;
    let said = other.refused(&["--store", &store]);
    assert!(said.contains(key.to_str().unwrap()), "{said}");
    fs::copy(place.file("inquiry-otl.key"), key).unwrap();
    assert_eq!(other.serve(&["--store", &store]).get("/readyz").await.status(), StatusCode::OK);
}

/// Another last line is told once, since each receiver of webhooks needs its new secret; a new key on top is not.
#[test]
fn another_root_of_secrets_is_told() {
    let place = Place::new();
    let key = place.file("inquiry-otl.key");
    let warning = "the secrets of webhooks have changed";
    // What was said at the latest start.
    let starts = || {
        let before = fs::read_to_string(place.file("stderr")).map_or(0, |log| log.len());
        let server = place.serve(&[]);
        let log = server.log();
        assert!(server.stop().success());
        log[before..].to_owned()
    };
    assert!(!starts().contains(warning));
    let line = |number: u8, digits: &str| format!("{number} {}\n", digits.repeat(8));
    let first = fs::read_to_string(&key).unwrap();
    fs::write(&key, format!("{}{first}", line(2, "2f81c07b"))).unwrap();
    assert!(!starts().contains(warning));
    fs::write(&key, line(2, "2f81c07b")).unwrap();
    assert!(starts().contains(warning));
    assert!(!starts().contains(warning));
}

/// What the server makes is for its owner alone: the databases have people's addresses and references in them.
#[tokio::test]
async fn files_are_for_their_owner_alone() {
    let place = Place::new();
    let folder = place.file("a").join("b");
    let server = place.serve(&["--data", folder.to_str().unwrap()]);
    server.link(&server.inquiry().await).await;
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(place.file("a")), mode(folder.clone())), (0o700, 0o700));
    let names = files(&folder);
    for name in &names {
        assert_eq!(mode(folder.join(name)), 0o600, "{name}");
    }
    for name in ["inquiry-otl.db", "inquiry-otl.db-wal", "inquiry-otl-server.db-wal"] {
        assert!(names.iter().any(|made| made == name), "no {name}");
    }
}

/// A password of PostgreSQL does not cross a network in the clear, also not to a server which says that it has no TLS.
#[test]
fn a_password_waits_for_tls() {
    // An address that no rule takes for this machine, and that leads here all the same.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"N").unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        (request, rest)
    });
    let place = Place::new();
    let said = place.refused(&["--store", &format!("postgres://admin:hunter2@0.0.0.0:{port}/otl")]);
    assert!(said.contains("`store`") && !said.contains("hunter2"), "{said}");
    let (request, rest) = server.join().unwrap();
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "a request for TLS");
    assert!(rest.is_empty(), "it went on without");
}

/// With `?replicas=` nothing is acknowledged that a replica does not have.
#[tokio::test]
async fn what_no_replica_has_is_not_acknowledged() {
    let (redis, place) = (Redis::start(), Place::new());
    let server = place.serve(&["--store", &format!("{}?replicas=1", redis.url())]);
    let body = json!({"data": {"attributes": {"inquiry-template-id": "itmpl_identity"}}});
    let create = async || server.api(Method::POST, "/inquiries").json(&body).send().await.unwrap().status();
    assert_eq!(create().await, StatusCode::SERVICE_UNAVAILABLE);
    let _replica = redis.replica();
    later("the replica has it", async || create().await == StatusCode::CREATED).await;
}

/// A URL is read as browsers read it: the letters of its scheme and host have no case.
#[tokio::test]
async fn a_url_has_no_case() {
    let place = Place::new();
    let server = place.serve(&["--url", "HTTPS://Verify.Example.com/"]);
    assert_eq!(server.url, "https://verify.example.com");
    let cookie = server.get("/dashboard/sign-in").await.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
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
    fs::write(place.file("quote.toml"), "log = \"text\"\nsmtp = \"smtps://otl:hunter2@mail.example.com\n")
        .unwrap();
    for name in ["requests", "keep-events", "log"] {
        let text = format!("{name} = \"postgres://otl:hunter2@db/otl\"");
        fs::write(place.file(&format!("{name}.toml")), text).unwrap();
    }
    fs::write(place.file("smtp.toml"), "smtp = { hunter2 = 2 }").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let path = |name: &str| place.file(name).to_str().unwrap().to_owned();
    for (setting, arguments) in [
        ("--listen", ["--listen", "nowhere"]),
        ("192.0.2.1:1", ["--listen", "192.0.2.1:1"]),
        (&taken, ["--listen", &taken]),
        ("--listen 127.0.0.1:0", ["--listen", &taken]),
        ("`listen`", ["--listen", "0.0.0.0:0"]),
        ("--requests", ["--requests", "0"]),
        ("--keep-events", ["--keep-events", "0"]),
        ("`store`", ["--store", "mysql://admin:hunter2@db/otl"]),
        ("`store`", ["--store", "postgres://admin:hunter2@["]),
        ("`store`", ["--store", "sqlite:/nowhere/at/all.db"]),
        ("sqlite:FILE", ["--store", "sqlite://links.db"]),
        ("sqlite:FILE", ["--store", "sqlite:"]),
        ("cannot be read", ["--store", "redis://:hunter2@127.0.0.1:1/?replicas=all"]),
        ("`url`", ["--url", "verify.example.com"]),
        ("`url`", ["--url", "https://verify.example.com/path"]),
        ("`url`", ["--url", "http://verify.example.com"]),
        ("`continue-to`", ["--continue-to", "javascript:alert(1)"]),
        ("`continue-to`", ["--continue-to", "https://app.example.com/welcome"]),
        ("`smtp` needs it", ["--smtp", "smtp://127.0.0.1"]),
        ("`data`", ["--data", &path("file/folder")]),
        (&path("file/folder"), ["--data", &path("file/folder")]),
        ("`key-file`", ["--key-file", "/nowhere/at/all.key"]),
        ("requests", ["--config", &path("port.toml")]),
        ("lissten", ["--config", &path("name.toml")]),
        ("text.toml", ["--config", &path("text.toml")]),
        ("line 2", ["--config", &path("quote.toml")]),
        ("quote.toml", ["--config", &path("quote.toml")]),
        ("`requests`", ["--config", &path("requests.toml")]),
        ("`keep-events`", ["--config", &path("keep-events.toml")]),
        ("`log`", ["--config", &path("log.toml")]),
        ("`smtp`", ["--config", &path("smtp.toml")]),
        ("missing.toml", ["--config", &path("missing.toml")]),
    ] {
        let said = place.refused(&arguments);
        assert!(said.contains(setting), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
