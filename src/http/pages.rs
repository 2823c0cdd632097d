//! What is answered at which path, in the words of Spring's actuator.

use super::DatabaseCheck;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use orca_actors::Observatory;
use serde_json::{Value, json};

const ACTUATOR_JSON: &str = "application/vnd.spring-boot.actuator.v3+json";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) struct Pages {
    observatory: Observatory,
    database: DatabaseCheck,
}

impl Pages {
    pub(crate) fn new(observatory: Observatory, database: DatabaseCheck) -> Self {
        Self {
            observatory,
            database,
        }
    }

    /// A body that comes with a request is not read.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        if !PATHS.contains(&path) {
            return page(
                StatusCode::NOT_FOUND,
                ACTUATOR_JSON,
                json!({"status": 404, "error": "Not Found"}).to_string(),
            );
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut refusal = page(
                StatusCode::METHOD_NOT_ALLOWED,
                ACTUATOR_JSON,
                json!({"status": 405, "error": "Method Not Allowed"}).to_string(),
            );
            refusal
                .headers_mut()
                .insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        match path {
            "/actuator/health" => self.health().await,
            "/actuator/health/liveness" => status(true, "UP", json!({})),
            "/actuator/health/readiness" => match self.observatory.takes_requests() {
                true => status(true, "UP", json!({})),
                false => status(false, "OUT_OF_SERVICE", json!({})),
            },
            "/actuator/prometheus" => page(StatusCode::OK, PROMETHEUS_TEXT, self.observatory.exposition()),
            _ => status(true, "UP", links()),
        }
    }

    async fn health(&self) -> Response<Full<Bytes>> {
        let (database, master) = (self.database.answers().await, self.observatory.is_connected());
        let word = |up: bool| if up { "UP" } else { "DOWN" };
        let mut db = json!({"status": word(database)});
        if let Some(product) = self.database.product() {
            db["details"] = json!({"database": product, "validationQuery": "isValid()"});
        }
        let components = json!({"components": {"db": db, "master": {"status": word(master)}}});
        status(database && master, word(database && master), components)
    }
}

const PATHS: &[&str] = &[
    "/actuator",
    "/actuator/health",
    "/actuator/health/liveness",
    "/actuator/health/readiness",
    "/actuator/prometheus",
];

fn links() -> Value {
    let links: serde_json::Map<String, Value> = PATHS
        .iter()
        .filter_map(|path| {
            path.strip_prefix("/actuator/")
                .map(|name| (name.replace('/', "-"), json!({"href": path})))
        })
        .collect();
    json!({"_links": links})
}

fn status(good: bool, word: &str, mut more: Value) -> Response<Full<Bytes>> {
    more["status"] = json!(word);
    let code = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    page(code, ACTUATOR_JSON, more.to_string())
}

fn page(code: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = code;
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static(content_type),
    );
    response
}
