//! Proof of life by file lock, for the processes of one machine.
//!
//! Each member holds an exclusive lock on a file of its own for as long as its process lives. The operating system lets go of it when the process ends, however
//! it ends, so a killed member is noticed at the next look and not only after the session time-out. The lock says nothing about a process that is frozen.

use crate::error::Error;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// The folder of the lock files.
#[derive(Clone, Debug)]
pub(super) struct Members {
    folder: PathBuf,
}

/// Our own lock. Dropping it is the end of this member in the eyes of the others.
#[derive(Debug)]
pub(super) struct Membership {
    _file: File,
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    Ended,
    /// There is no file to tell.
    Unknown,
}

impl Members {
    pub(super) fn beside(database: &Path) -> Self {
        let mut folder = database.as_os_str().to_owned();
        folder.push(".members");
        Self {
            folder: folder.into(),
        }
    }

    /// Must come before the heartbeat row, or a member could be seen without its lock.
    pub(super) fn join(&self, id: i64) -> Result<Membership, Error> {
        let path = self.file_of(id);
        let joined = std::fs::create_dir_all(&self.folder)
            .and_then(|()| {
                OpenOptions::new()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(&path)
            })
            .and_then(|file| file.lock().map(|()| file));
        match joined {
            Ok(file) => Ok(Membership { _file: file, path }),
            Err(error) => Err(Error::Refused {
                operation: "lock member file",
                path: path.display().to_string(),
                reason: error.to_string(),
            }),
        }
    }

    pub(super) fn life_of(&self, id: i64) -> Life {
        let Ok(file) = OpenOptions::new().write(true).open(self.file_of(id)) else {
            return Life::Unknown;
        };
        // Ours for a moment, if its process has ended. Two who look at once may both see it held; the next look tells.
        match file.try_lock() {
            Ok(()) => Life::Ended,
            Err(TryLockError::WouldBlock) => Life::Running,
            Err(TryLockError::Error(_)) => Life::Unknown,
        }
    }

    /// Cleans up after a member that is out of the tables.
    pub(super) fn forget(&self, id: i64) {
        let _ = std::fs::remove_file(self.file_of(id));
    }

    fn file_of(&self, id: i64) -> PathBuf {
        self.folder.join(format!("{id}.lock"))
    }
}

impl Membership {
    /// Leaves for good, after the rows are gone.
    pub(super) fn leave(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_lives_as_long_as_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let members = Members::beside(&folder.path().join("registry.db"));
        assert_eq!(members.life_of(7), Life::Unknown);
        let membership = members.join(7).unwrap();
        assert_eq!(members.life_of(7), Life::Running);
        drop(membership);
        assert_eq!(members.life_of(7), Life::Ended);
        members.forget(7);
        assert_eq!(members.life_of(7), Life::Unknown);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = Members::beside(Path::new("/proc/nowhere/x"))
            .join(1)
            .unwrap_err()
            .to_string();
        assert!(error.contains("/proc/nowhere/x.members"), "{error}");
    }
}
