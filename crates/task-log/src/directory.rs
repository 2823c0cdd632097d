//! Task logs for the API server (`ILogService`), confined to the log directory.
//!
//! Guarantees: whatever path the caller names, no file outside the log directory is read or deleted; links are followed
//! before that is decided. Memory is bounded by one page or by the download limit. Refuses to know: which task a file
//! belongs to.

use crate::limits;
use crate::lines::LineSplitter;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The text of an answer with code ERROR. Texts that Java has are Java's.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("NullPointerException: ")]
    NoPath,
    #[error("IllegalArgumentException: {0}")]
    NegativeNumber(i32),
    #[error("RuntimeException: The file path: {0} not exists")]
    Missing(String),
    #[error("RuntimeException: The file path: {0} is not in the log directory of this server")]
    Outside(String),
    #[error(
        "RuntimeException: The file path: {path} has {len} bytes, more than the {most} of a download; read it by pages"
    )]
    TooLarge { path: String, len: u64, most: u64 },
    #[error("RuntimeException: Read file: {path} error: {source}")]
    Read {
        path: String,
        #[source]
        source: io::Error,
    },
}

/// Serves the files below one directory.
#[derive(Clone, Debug)]
pub struct LogDirectory {
    base: PathBuf,
}

impl LogDirectory {
    /// Creates the directory if need be; it has to exist to be resolved.
    pub fn open(base: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(base)?;
        Ok(Self {
            base: base.canonicalize()?,
        })
    }

    /// Up to `limit` lines after the first `skip`, each followed by `\r\n`, until the page is full.
    pub fn page(&self, path: Option<&str>, skip: i32, limit: i32) -> Result<String, LogError> {
        let path = path.ok_or(LogError::NoPath)?;
        let skip = usize::try_from(skip).map_err(|_| LogError::NegativeNumber(skip))?;
        let limit = usize::try_from(limit).map_err(|_| LogError::NegativeNumber(limit))?;
        let mut file = self.open_inside(path)?;
        let mut page = Page {
            skip,
            left: limit.min(limits::LOG_PAGE_LINES_MAX),
            len: 0,
            text: String::new(),
        };
        let mut splitter = LineSplitter::default();
        let mut chunk = vec![0; limits::OUTPUT_CHUNK_LEN];
        while !page.is_full() {
            let len = file.read(&mut chunk).map_err(|source| LogError::Read {
                path: path.to_owned(),
                source,
            })?;
            if len == 0 {
                splitter.finish(&mut |line: &str| page.take(line));
                break;
            }
            splitter.feed(&chunk[..len], &mut |line: &str| page.take(line));
        }
        Ok(page.text)
    }

    /// The whole file; empty when there is none, as Java answers.
    pub fn whole(&self, path: Option<&str>) -> Result<Vec<u8>, LogError> {
        let path = path.ok_or(LogError::NoPath)?;
        let file = match self.open_inside(path) {
            Ok(file) => file,
            Err(LogError::Missing(_) | LogError::Read { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let most = limits::LOG_DOWNLOAD_LEN_MAX;
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        if len > most {
            return Err(LogError::TooLarge {
                path: path.to_owned(),
                len,
                most,
            });
        }
        let mut bytes = Vec::new();
        match file.take(most).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Deletes a file; anything else, and everything outside, is left alone without a word to the caller.
    pub fn remove(&self, path: Option<&str>) {
        let Some(path) = path.map(Path::new) else { return };
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return;
        };
        let Ok(parent) = parent.canonicalize() else { return };
        if !parent.starts_with(&self.base) {
            log::warn!("a request to delete a file outside the log directory was ignored");
            return;
        }
        let target = parent.join(name);
        // A link is not followed: deleting one deletes the link.
        let is_file = target.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir());
        if is_file && let Err(error) = std::fs::remove_file(&target) {
            log::warn!("cannot delete the task log {}: {error}", target.display());
        }
    }

    /// Opens first and asks then where the file is, so that nothing can be exchanged in between.
    fn open_inside(&self, path: &str) -> Result<File, LogError> {
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let opened = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
        let file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LogError::Missing(path.to_owned()),
            _ if !self.is_lexically_inside(path) => LogError::Outside(path.to_owned()),
            _ => LogError::Read {
                path: path.to_owned(),
                source,
            },
        })?;
        let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(|source| {
            LogError::Read {
                path: path.to_owned(),
                source,
            }
        })?;
        if !real.starts_with(&self.base) {
            return Err(LogError::Outside(path.to_owned()));
        }
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(LogError::Missing(path.to_owned()));
        }
        Ok(file)
    }

    fn is_lexically_inside(&self, path: &str) -> bool {
        let path = Path::new(path);
        path.starts_with(&self.base)
            && !path
                .components()
                .any(|part| part == std::path::Component::ParentDir)
    }
}

/// `LogUtils.rollViewLogLines`
struct Page {
    skip: usize,
    left: usize,
    len: usize,
    text: String,
}

impl Page {
    const fn is_full(&self) -> bool {
        self.left == 0 || self.len >= limits::LOG_PAGE_LEN_MAX
    }

    fn take(&mut self, line: &str) {
        if self.is_full() {
            return;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let (most, len) = (limits::LOG_PAGE_LEN_MAX, line.len());
        if len >= most {
            self.text.extend(line.chars().take(most));
            self.text.push_str(&format!(
                " [this line's size {len} bytes is exceed {most} bytes, so only {most} characters are reserved for \
                 performance reasons.]"
            ));
        } else {
            self.text.push_str(line);
        }
        self.text.push_str("\r\n");
        self.len += len;
        self.left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Fixture {
        _root: tempfile::TempDir,
        logs: LogDirectory,
        inside: String,
        outside: String,
    }

    fn fixture(text: &str) -> Fixture {
        let root = tempfile::tempdir().unwrap();
        let base = root.path().join("logs");
        let logs = LogDirectory::open(&base).unwrap();
        std::fs::create_dir_all(base.join("20261124/1")).unwrap();
        let inside = base.join("20261124/1/7.log");
        std::fs::write(&inside, text).unwrap();
        let outside = root.path().join("secret.txt");
        std::fs::write(&outside, "secret").unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        Fixture {
            logs,
            inside: text(&inside),
            outside: text(&outside),
            _root: root,
        }
    }

    /// Every way out of the directory that a path can spell.
    fn escapes(fixture: &Fixture) -> Vec<String> {
        let base = fixture.logs.base.to_str().unwrap();
        let link = format!("{base}/link.log");
        let _ = std::fs::remove_file(&link);
        symlink(&fixture.outside, &link).unwrap();
        let directory_link = format!("{base}/up");
        let _ = std::fs::remove_file(&directory_link);
        symlink(Path::new(&fixture.outside).parent().unwrap(), &directory_link).unwrap();
        vec![
            fixture.outside.clone(),
            format!("{base}/../secret.txt"),
            format!("{base}/20261124/../../secret.txt"),
            format!("{base}/20261124/1/../../../secret.txt"),
            format!("{directory_link}/secret.txt"),
            link,
            "/etc/passwd".to_owned(),
            "/proc/self/environ".to_owned(),
        ]
    }

    #[test]
    fn a_page_skips_and_limits_lines() {
        let fixture = fixture("a\nb\r\nc\n");
        let page = |skip, limit| fixture.logs.page(Some(&fixture.inside), skip, limit).unwrap();
        assert_eq!(page(0, 10), "a\r\nb\r\nc\r\n");
        assert_eq!(page(1, 1), "b\r\n");
        assert_eq!(page(3, 10), "");
        assert_eq!(page(0, 0), "");
        assert_eq!(page(0, i32::MAX), "a\r\nb\r\nc\r\n");
    }

    #[test]
    fn a_page_ends_after_the_line_that_fills_it() {
        let line = "x".repeat(40_000);
        let fixture = fixture(&format!("{line}\n{line}\n{line}\n"));
        let page = fixture.logs.page(Some(&fixture.inside), 0, 100).unwrap();
        assert_eq!(page.len(), 2 * (40_000 + 2));
    }

    #[test]
    fn a_line_that_fills_a_page_alone_is_cut_and_says_so() {
        let fixture = fixture(&format!("{}\nnext\n", "x".repeat(70_000)));
        let page = fixture.logs.page(Some(&fixture.inside), 0, 100).unwrap();
        assert!(page.starts_with(&"x".repeat(65_535)));
        assert!(
            page.contains("[this line's size 70000 bytes is exceed 65535 bytes"),
            "{}",
            &page[65_535..]
        );
        assert!(!page.contains("next"));
    }

    #[test]
    fn bad_numbers_and_paths_get_the_text_of_java() {
        let fixture = fixture("");
        let error =
            |path: Option<&str>, skip, limit| fixture.logs.page(path, skip, limit).unwrap_err().to_string();
        assert_eq!(error(None, 0, 1), "NullPointerException: ");
        assert_eq!(
            error(Some(&fixture.inside), 0, -1),
            "IllegalArgumentException: -1"
        );
        assert_eq!(
            error(Some(&fixture.inside), -2, 1),
            "IllegalArgumentException: -2"
        );
        let missing = format!("{}.gone", fixture.inside);
        assert_eq!(
            error(Some(&missing), 0, 1),
            format!("RuntimeException: The file path: {missing} not exists")
        );
        let directory = fixture.logs.base.to_str().unwrap().to_owned();
        assert!(error(Some(&directory), 0, 1).ends_with("not exists"));
        assert_eq!(fixture.logs.page(Some(&fixture.inside), 0, 9).unwrap(), "");
    }

    #[test]
    fn no_path_reads_outside_of_the_directory() {
        let fixture = fixture("inside");
        for path in escapes(&fixture) {
            let page = fixture.logs.page(Some(&path), 0, 10);
            assert!(matches!(page, Err(LogError::Outside(_))), "{path}: {page:?}");
            let whole = fixture.logs.whole(Some(&path));
            assert!(matches!(whole, Err(LogError::Outside(_))), "{path}: {whole:?}");
        }
        assert_eq!(fixture.logs.whole(Some(&fixture.inside)).unwrap(), b"inside");
    }

    #[test]
    fn no_path_deletes_outside_of_the_directory() {
        let fixture = fixture("inside");
        for path in escapes(&fixture) {
            if path.starts_with("/etc") || path.starts_with("/proc") {
                continue;
            }
            fixture.logs.remove(Some(&path));
            assert!(Path::new(&fixture.outside).exists(), "{path}");
        }
        fixture.logs.remove(None);
        fixture.logs.remove(Some(fixture.logs.base.to_str().unwrap()));
        assert!(fixture.logs.base.exists());
        fixture.logs.remove(Some(&fixture.inside));
        assert!(!Path::new(&fixture.inside).exists());
        fixture.logs.remove(Some(&fixture.inside));
    }

    #[test]
    fn a_missing_file_downloads_as_nothing() {
        let fixture = fixture("");
        assert_eq!(
            fixture
                .logs
                .whole(Some(&format!("{}.gone", fixture.inside)))
                .unwrap(),
            b""
        );
        assert!(matches!(fixture.logs.whole(None), Err(LogError::NoPath)));
    }
}
