//! From what a task prints to its log and its output parameters.

use crate::{Level, LineSplitter, TaskLog, limits};
use orca_engine::params::output::OutputParser;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// Output to log lines and output parameters, until everyone has let go of it.
pub async fn record_output(mut output: pipe::Receiver, log: &TaskLog, values: &mut OutputParser) {
    let mut splitter = LineSplitter::default();
    let mut batch = log.batch();
    let mut chunk = vec![0; limits::OUTPUT_CHUNK_LEN];
    loop {
        let len = match output.read(&mut chunk).await {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) => {
                batch.push(
                    Level::Error,
                    &format!("the output of the task cannot be read: {error}"),
                );
                break;
            }
        };
        splitter.feed(&chunk[..len], &mut |line: &str| {
            values.line(line);
            batch.push(Level::Info, &format!(" -> {line}"));
        });
        log.write(&mut batch).await;
    }
    splitter.finish(&mut |line: &str| {
        values.line(line);
        batch.push(Level::Info, &format!(" -> {line}"));
    });
    log.write(&mut batch).await;
}
