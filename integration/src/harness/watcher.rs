//! What is left when this program ends without a chance to tidy up (a signal, an abort): a watcher beside it, a small shell that reads a pipe, kills
//! the process groups and removes the folders that it was told of and that are not gone.

use super::Error;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// The end of the input is the end of the program that writes it, however it came about.
const SCRIPT: &str = r#"
groups=' ' folders=' '
while read -r word what; do
    case $word in
    group) groups="$groups$what " ;;
    folder) folders="$folders$what " ;;
    gone)
        case $groups in *" $what "*) groups="${groups%%" $what "*} ${groups#*" $what "}" ;; esac
        case $folders in *" $what "*) folders="${folders%%" $what "*} ${folders#*" $what "}" ;; esac
        ;;
    esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
for folder in $folders; do rm -rf -- "$folder"; done
"#;

struct Watcher {
    /// In a group of its own: what is sent to the terminal's group does not reach it.
    _shell: Child,
    input: ChildStdin,
}

static WATCHER: Mutex<Option<Watcher>> = Mutex::new(None);

/// From now on this process group ends with this program.
pub(super) fn watch_group(group: u32) -> io::Result<()> {
    tell(&format!("group {group}\n"))
}

pub(super) fn group_is_gone(group: u32) {
    // Nobody to tell is nobody who would kill.
    let _ = tell(&format!("gone {group}\n"));
}

fn tell(line: &str) -> io::Result<()> {
    let mut watcher = WATCHER.lock().unwrap_or_else(PoisonError::into_inner);
    let known = match watcher.as_mut() {
        Some(known) => known,
        None => watcher.insert(Watcher::start()?),
    };
    known.input.write_all(line.as_bytes())
}

impl Watcher {
    fn start() -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let input = shell.stdin.take().ok_or_else(|| io::Error::other("no pipe"))?;
        Ok(Self { _shell: shell, input })
    }
}

/// A temporary folder that goes with this value, or with this program.
pub struct Folder {
    folder: TempDir,
}

impl Folder {
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self, Error> {
        let failed = |source| Error::Start {
            what: "a folder".to_owned(),
            source,
        };
        let folder = tempfile::Builder::new()
            .prefix("orca-")
            .tempdir()
            .map_err(failed)?;
        tell(&format!("folder {}\n", folder.path().display())).map_err(failed)?;
        Ok(Self { folder })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whatever still writes into it has been ended before; what cannot be removed now is left.
        let _ = std::fs::remove_dir_all(self.folder.path());
        let _ = tell(&format!("gone {}\n", self.folder.path().display()));
    }
}
