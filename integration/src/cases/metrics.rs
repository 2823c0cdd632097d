//! Counters of a master, read as a Prometheus server reads them.

use super::format::Metric;
use crate::harness::Error;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The body of `GET path`.
///
/// # Errors
/// When the server does not answer, or not with 200.
pub(super) fn get(host: &str, port: u16, path: &str) -> Result<String, Error> {
    let failed = |reason: String| Error::Failed {
        what: format!("GET http://{host}:{port}{path}"),
        reason,
    };
    let ask = || -> std::io::Result<Vec<u8>> {
        let address = (host, port)
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| std::io::Error::other("the host has no address"))?;
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        write!(
            socket,
            "GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        socket.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| failed("no HTTP answer".to_owned()))?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(failed(status.to_owned()))
    }
}

/// The sum of the samples of a counter that have the wanted labels; 0 without any.
#[must_use]
pub(super) fn counter(exposition: &str, wanted: &Metric) -> f64 {
    let name = format!("{}_total", wanted.name.replace('.', "_"));
    let labels: Vec<String> = wanted
        .tags
        .iter()
        .map(|(tag, value)| format!("{}=\"{value}\"", tag.replace('.', "_")))
        .collect();
    exposition
        .lines()
        .filter_map(|line| sample(line, &name))
        .filter(|(found, _)| labels.iter().all(|label| found.contains(&label.as_str())))
        .map(|(_, value)| value)
        .sum()
}

/// Labels and value of a line, if it is a sample of this name.
fn sample<'a>(line: &'a str, name: &str) -> Option<(Vec<&'a str>, f64)> {
    let rest = line.strip_prefix(name)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once('}')?,
        None => ("", rest.strip_prefix(' ')?),
    };
    let value = value.split_whitespace().next()?.parse().ok()?;
    Some((labels.split(',').map(str::trim).collect(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_with_the_wanted_labels_are_added_up() {
        let exposition = "# TYPE ds_workflow_instance_count_total counter\n\
            ds_workflow_instance_count_total{application=\"m\",state=\"SUCCESS\",workflow_definition_code=\"7\",} 2.0\n\
            ds_workflow_instance_count_total{state=\"SUCCESS\",workflow_definition_code=\"8\"} 4\n\
            ds_workflow_instance_count_total{state=\"FAILURE\",workflow_definition_code=\"7\"} 8\n";
        let metric = |state: &str, code: &str| Metric {
            name: "ds.workflow.instance.count".to_owned(),
            tags: [("state", state), ("workflow.definition.code", code)]
                .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
                .into(),
            equals: 0.0,
            master: String::new(),
        };
        let found = |state, code| counter(exposition, &metric(state, code));
        assert!((found("SUCCESS", "7") - 2.0).abs() < f64::EPSILON);
        assert!((found("FAILURE", "7") - 8.0).abs() < f64::EPSILON);
        assert!(found("STOP", "7").abs() < f64::EPSILON);
    }
}
