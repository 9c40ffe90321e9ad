//! A CSV of inquiries in, a CSV of links out.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::{Output, Stdio},
    thread,
};

use csv::StringRecord;
use reqwest::StatusCode;

use crate::support::{Place, Running, memory};

/// What the program exits with where some rows have an error.
const SOME_FAILED: i32 = 3;

impl Place {
    /// Gives the program a file by its standard input.
    fn links(&self, input: &[u8], arguments: &[&str]) -> Output {
        let mut child = self
            .program()
            .args(["links", "create", "--csv", "-"])
            .args(arguments)
            .env_remove("OTL_LISTEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        thread::scope(|scope| {
            // Whoever refuses the file may not read all of it.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap()
        })
    }

    /// What comes of a good file; what the program exits with says whether some rows have an error.
    fn answered(&self, input: &[u8], arguments: &[&str]) -> Vec<u8> {
        let output = self.links(input, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        let code = if said.trim_end().ends_with(" 0 errors") { 0 } else { SOME_FAILED };
        assert_eq!(output.status.code(), Some(code), "{said}");
        output.stdout
    }

    /// The rows of that.
    fn made(&self, input: &[u8], arguments: &[&str]) -> Vec<StringRecord> {
        rows(&self.answered(input, arguments))
    }

    /// What is said about a file that is no good; nothing is written then.
    fn complaint(&self, input: &[u8]) -> String {
        let output = self.links(input, &[]);
        assert!(!output.status.success(), "it was taken");
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }
}

fn rows(csv: &[u8]) -> Vec<StringRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv);
    reader.records().map(Result::unwrap).collect()
}

async fn opens(server: &Running, link: &str) -> bool {
    server.redeem(&link.replace("http://localhost:8080", &server.url)).await.status() == StatusCode::SEE_OTHER
}

/// Beside a server that runs: what is carried through stays, a bad row has its error, and the links open their inquiries (S1, L5).
#[tokio::test]
async fn each_row_has_its_link_or_its_error() {
    let place = Place::new();
    let server = place.serve(&[]);
    let inquiry = server.inquiry().await;
    let url = ["--url", &server.url];
    let input = format!(
        "name,inquiry-id,note\n\"Ann \"\"A\"\" B, C\",{inquiry},=1+1\nBen,inq_nobody,\nCid,,x\nDan,not an id,x\nEve,{inquiry}\n"
    );
    let made = place.made(input.as_bytes(), &url);
    assert_eq!(
        made[0],
        vec!["name", "inquiry-id", "note", "one-time-link", "one-time-link-short", "expires-at", "error"]
    );
    assert_eq!(made.len(), 6);
    assert_eq!(made[1].iter().take(3).collect::<Vec<_>>(), ["Ann \"A\" B, C", &inquiry, "=1+1"]);
    assert!(made[1][3].starts_with(&format!("{}/verify?code=", server.url)));
    assert!(made[1][4].starts_with(&format!("{}/c/", server.url)));
    assert_eq!(&made[1][6], "");
    for (row, error) in
        [(2, "there is no such"), (3, "has no inquiry-id"), (4, "inquiry-id: "), (5, "2 cells")]
    {
        assert_eq!(&made[row][3], "");
        assert!(made[row][6].contains(error), "{:?}", made[row]);
    }
    assert!(!made[4][6].contains("not an id"), "an error repeats nothing");

    // The same file again tells the same link; after a supersession there is another.
    let again = place.made(input.as_bytes(), &url);
    assert_eq!(again[1], made[1]);
    let other = place.made(input.as_bytes(), &["--url", &server.url, "--on-outstanding", "supersede"]);
    assert_ne!(other[1][3], made[1][3]);
    assert_eq!(
        server.get(made[1][3].strip_prefix(&server.url).unwrap()).await.status(),
        StatusCode::NOT_FOUND
    );
    assert!(opens(&server, &other[1][3]).await);
}

/// New inquiries are made of templates, with their references; what was an answer may come in again.
#[tokio::test]
async fn rows_without_an_inquiry_make_one() {
    let place = Place::new();
    let server = place.serve(&[]);
    let url = ["--url", server.url.as_str(), "--expires-in", "90m"];
    let input = b"reference-id,template-id\nperson 1,itmpl_identity\nperson 2,itmpl_other\nperson 3,\n";
    let made = place.made(input, &url);
    assert_eq!(made[0].iter().take(3).collect::<Vec<_>>(), ["reference-id", "template-id", "inquiry-id"]);
    assert!(made[1][2].starts_with("inq_"));
    assert!(made[2][6].contains("no such template") && made[3][6].contains("no template-id"), "{made:?}");

    let mut answer = csv::Writer::from_writer(Vec::new());
    for row in &made {
        answer.write_record(row).unwrap();
    }
    let again = place.made(&answer.into_inner().unwrap(), &url);
    assert_eq!((&again[0], &again[1]), (&made[0], &made[1]));
    let read = server.api(reqwest::Method::GET, &format!("/inquiries/{}", &made[1][2])).send().await.unwrap();
    let read: serde_json::Value = read.json().await.unwrap();
    assert_eq!(read["data"]["attributes"]["reference-id"], "person 1");
    assert!(opens(&server, &made[1][3]).await);
}

/// Byte order marks, line ends, quotes and bytes that are no UTF-8 do no harm; what is no such file is refused with a reason.
#[test]
fn files_may_come_from_anywhere() {
    let place = Place::new();
    drop(place.serve(&[]));
    let link = |input: &[u8]| place.answered(input, &[]);
    // A byte order mark, and the line ends of Windows.
    let made = rows(&link(b"\xef\xbb\xbftemplate-id,n\r\nitmpl_identity,1\r\nitmpl_identity,2"));
    assert_eq!((&made[0][0], &made[2][1], &made[2][6]), ("template-id", "2", ""));
    // A quoted line end and a quoted comma stay; so does Latin-1, which is read by nobody here.
    let made = link(b"template-id,n\nitmpl_identity,\"a\nb, \xe9\"\n\xe9,x\n");
    assert!(made.windows(9).any(|bytes| bytes == b"\"a\nb, \xe9\","));
    assert!(String::from_utf8_lossy(&made).contains("template-id is not UTF-8"));
    // A header alone.
    assert_eq!(rows(&link(b"inquiry-id\n")).len(), 1);

    for (input, complaint) in [
        (&b""[..], "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"name,note\na,b\n", "no column `inquiry-id`"),
        (b"inquiry-id;note\na;b\n", "separated by commas"),
        (b"inquiry-id,inquiry-id\n", "`inquiry-id` is there more than once"),
        (b"\xff\xfei\0n\0q\0", "UTF-16"),
    ] {
        let said = place.complaint(input);
        assert!(said.contains(complaint), "{input:?}: {said}");
    }
    let endless = [b"inquiry-id\n\"".as_slice(), &vec![b'x'; 3_000_000]].concat();
    let output = place.links(&endless, &[]);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("line 2 begins a row of more than a million bytes")
    );
}

/// A file of links is for its owner alone, and takes no other's place; a store in memory, or no key, is a reason to stop.
#[test]
fn links_go_into_a_new_file_of_the_owner() {
    let place = Place::new();
    let said = place.complaint(b"inquiry-id\n");
    assert!(said.contains("`key-file`") && said.contains("is this the server's folder?"), "{said}");
    drop(place.serve(&[]));

    let file = place.file("links.csv");
    let path = file.to_str().unwrap();
    let output = ["--output", path];
    assert_eq!(place.links(b"template\n", &output).status.code(), Some(1), "there is no such column");
    assert!(!file.exists(), "the file that is corrected meets none");
    assert!(place.made(b"template-id\nitmpl_identity\n", &output).is_empty(), "all is in the file");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(rows(&fs::read(&file).unwrap()).len(), 2);
    let mut nowhere = place.program();
    nowhere.args(["links", "create", "--csv", "nowhere.csv"]).env_remove("OTL_LISTEN");
    let nowhere = nowhere.output().unwrap();
    let taken = place.links(b"template-id\n", &output);
    for (refused, complaint) in
        [(nowhere, "nowhere.csv: No such file".to_owned()), (taken, format!("{path}: File exists"))]
    {
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(&complaint) && refused.status.code() == Some(1), "{said}");
    }

    let output = place.links(b"template-id\n", &["--store", "memory:"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("`store`"));
}

/// The page for many: the answer is a download that nobody keeps, and without a form of one's own there is none.
#[tokio::test]
async fn the_page_answers_with_a_download() {
    let place = Place::new();
    let server = place.serve(&[]);
    let staff = server.staff().await;
    let answer = staff.bulk(b"template-id\nitmpl_identity\nnone\n".to_vec(), &[("job", "mine")]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"links.csv\"");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let made = rows(&answer.bytes().await.unwrap());
    assert!(opens(&server, &made[1][2]).await);
    assert!(made[2][5].contains("template-id"), "{made:?}");
    let told = staff.page("/dashboard/bulk/progress?job=mine").await;
    assert_eq!(told, r#"{"rows":2,"failed":1,"lines":3,"is-over":true}"#);
    assert_eq!(staff.page("/dashboard/bulk/progress?job=other").await, "null");

    let refused = staff.bulk(b"name\n".to_vec(), &[]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("No link was created: there is no column"));
    let refused = staff.bulk(b"inquiry-id\n".to_vec(), &[("amount", "soon")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = staff.bulk(b"inquiry-id\n".to_vec(), &[("form-token", "guessed")]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

/// A hundred thousand rows go through in the memory that five thousand take, and each is answered.
#[test]
fn many_rows_take_no_more_memory_than_few() {
    let place = Place::new();
    drop(place.serve(&[]));
    let few = peak(&place, 5_000);
    let many = peak(&place, 100_000);
    println!("at most {few} kB for 5,000 rows, {many} kB for 100,000");
    // The larger file has 8,000 kB, and so has its answer.
    assert!(many < few + 4_000, "{few} kB, then {many} kB");
}

/// The most memory that the command has had when it has answered nearly all of so many rows.
fn peak(place: &Place, rows: usize) -> u64 {
    // Nobody of them is there: what takes memory and time here is the file, and not the disk.
    let mut input = "inquiry-id,note\n".to_owned();
    for n in 0..rows {
        writeln!(input, "inq_{n:022},\"a note, which is carried through, number {n}\"").unwrap();
    }
    let file = place.file("in.csv");
    fs::write(&file, &input).unwrap();
    let mut child = place
        .program()
        .args(["links", "create", "--csv", file.to_str().unwrap()])
        .env_remove("OTL_LISTEN")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut line, mut count, mut most) = (String::new(), 0, 0);
    while output.read_line(&mut line).unwrap() != 0 {
        count += 1;
        // It cannot have ended: what it has written since does not fit into a pipe.
        if count == rows - 3_000 {
            most = memory(child.id(), "VmHWM");
        }
        line.clear();
    }
    assert_eq!(child.wait().unwrap().code(), Some(SOME_FAILED));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(count, rows + 1);
    assert!(said.ends_with(&format!("{rows} rows: 0 links, {rows} errors\n")), "{said}");
    most
}
