//! Every bound of this crate in one place, with the reason for its size.

/// One read of a task's output; also the most that waits in memory between the pipe and the log file.
pub const OUTPUT_CHUNK_LEN: usize = 64 * 1024;

/// A line longer than this is cut into several: a task may print without ever ending its line.
pub const OUTPUT_LINE_LEN_MAX: usize = 1024 * 1024;

/// Bytes of one task's log file. A task in a printing loop must not fill the disk of every other task.
pub const TASK_LOG_LEN_MAX: u64 = 1024 * 1024 * 1024;

/// Lines of one page of a task log, whatever the caller asks for. The 65 535 byte rule ends a page much earlier.
pub const LOG_PAGE_LINES_MAX: usize = 1_000_000;

/// Bytes of one page of a task log (`LogUtils.rollViewLogLines`).
pub const LOG_PAGE_LEN_MAX: usize = 65_535;

/// A whole log file travels in one frame, so it has to fit into memory several times. Larger files are answered
/// with an error that says so; they can still be read by pages.
pub const LOG_DOWNLOAD_LEN_MAX: u64 = 256 * 1024 * 1024;
