#![allow(clippy::unwrap_used)]

use super::*;
use orca_actors::Observatory;
use orca_schema::{DatabaseSettings, Store};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn server(database: &DatabaseCheck) -> HttpServer {
    let pages = Pages::new(Observatory::default(), database.clone());
    HttpServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), pages).unwrap()
}

fn connect(server: &HttpServer) -> TcpStream {
    let socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Everything the server says until it hangs up.
fn exchange(server: &HttpServer, request: &str) -> String {
    let mut socket = connect(server);
    socket.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    // A refused request may end with a reset after the answer.
    let _ = socket.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn get(server: &HttpServer, path: &str) -> (u16, String) {
    let said = exchange(
        server,
        &format!("GET {path} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n"),
    );
    let (head, body) = said
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer but {said:?}"));
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

#[test]
fn a_master_that_waits_for_its_database_says_so() {
    let database = DatabaseCheck::default();
    let server = server(&database);
    let down = r#"{"components":{"db":{"status":"DOWN"},"master":{"status":"DOWN"}},"status":"DOWN"}"#;
    assert_eq!(get(&server, "/actuator/health"), (503, down.to_owned()));
    assert_eq!(
        get(&server, "/actuator/health/liveness"),
        (200, r#"{"status":"UP"}"#.to_owned())
    );
    assert_eq!(
        get(&server, "/actuator/health/readiness"),
        (503, r#"{"status":"OUT_OF_SERVICE"}"#.to_owned())
    );
    let (code, text) = get(&server, "/actuator/prometheus");
    assert_eq!(code, 200);
    assert!(
        text.contains("\norca_master_registered{application=\"master-server\"} 0.0\n"),
        "{text}"
    );
}

#[test]
fn a_database_that_answers_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("jdbc:sqlite:{}", folder.path().join("orca.db").display());
    let settings = DatabaseSettings::new(url);
    let database = DatabaseCheck::default();
    database.use_store(&Store::open(&settings).unwrap());
    let (code, text) = get(&server(&database), "/actuator/health");
    assert_eq!(code, 503, "the master is not registered: {text}");
    let db = r#""db":{"details":{"database":"SQLite","validationQuery":"isValid()"},"status":"UP"}"#;
    assert!(text.contains(db), "{text}");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let server = server(&DatabaseCheck::default());
    for path in [
        "/",
        "/actuator/env",
        "/actuator/health/x",
        "/actuator/prometheus/../health",
        "//actuator/health",
    ] {
        assert_eq!(get(&server, path).0, 404, "{path}");
    }
    for path in [
        "/actuator",
        "/actuator/",
        "/actuator/health/liveness/",
        "/actuator/prometheus?name=x",
    ] {
        assert_eq!(get(&server, path).0, 200, "{path}");
    }
    let post =
        "POST /actuator/health HTTP/1.1\r\nHost: m\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let said = exchange(&server, post);
    assert!(
        said.starts_with("HTTP/1.1 405 ") && said.contains("allow: GET, HEAD"),
        "{said}"
    );
    let said = exchange(
        &server,
        "HEAD /actuator/prometheus HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n",
    );
    assert!(
        said.starts_with("HTTP/1.1 200 ") && said.ends_with("\r\n\r\n"),
        "{said}"
    );
}

#[test]
fn bad_clients_harm_nothing() {
    let server = server(&DatabaseCheck::default());
    let too_long = format!(
        "GET /actuator/health HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(10 * HTTP_HEAD_BYTES_MAX)
    );
    for bad in [
        "\r\n\r\n\0\u{1}binary\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        &too_long,
    ] {
        let said = exchange(&server, bad);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    assert_eq!(get(&server, "/actuator/health/liveness").0, 200);
}

#[test]
fn clients_that_say_nothing_do_not_keep_others_out_for_long() {
    let server = server(&DatabaseCheck::default());
    let silent: Vec<TcpStream> = (0..HTTP_CONNECTIONS_MAX * 2).map(|_| connect(&server)).collect();
    let begun = std::time::Instant::now();
    loop {
        let said = exchange(
            &server,
            "GET /actuator/health/liveness HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n",
        );
        if said.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "silent clients keep their places");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(silent);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let pages = Pages::new(Observatory::default(), DatabaseCheck::default());
    let Err(failure) = HttpServer::start(address, pages) else {
        panic!("the port was taken twice")
    };
    assert!(
        failure
            .message
            .contains(&format!("server.port: cannot listen on {address}"))
            && failure.message.contains("SERVER_PORT"),
        "{}",
        failure.message
    );
}
