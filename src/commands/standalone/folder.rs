//! The data directory of `orca standalone`: one database, one registry, one log per member, and a lock so that it has one user.

use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

pub(super) struct Folder {
    path: PathBuf,
    /// Held as long as the process lives; the system releases it whatever happens.
    _lock: File,
}

/// The ports of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ports {
    pub(super) rpc: u16,
    pub(super) http: u16,
}

/// What is remembered between two starts, so that members come back under their old addresses.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Remembered {
    masters: Vec<Ports>,
    workers: Vec<Ports>,
}

impl Folder {
    /// Makes the folder if need be, and takes it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let at = |what: &str, error: &dyn std::fmt::Display| {
            Failure::failed(format!(
                "{}: {what}: {error}; choose another folder with --data-dir",
                path.display()
            ))
        };
        fs::create_dir_all(path.join("logs"))
            .map_err(|error| at("the data directory cannot be made", &error))?;
        let path = path
            .canonicalize()
            .map_err(|error| at("the data directory cannot be used", &error))?;
        if path.to_str().is_none() {
            return Err(at("the data directory cannot be used", &"its path is not UTF-8"));
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"));
        let lock = lock.map_err(|error| at("its lock file cannot be opened", &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(at("in use", &"another `orca standalone` runs on it")),
            Err(TryLockError::Error(error)) => Err(at("it cannot be locked", &error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }

    /// The configuration that all members and this process share.
    pub(super) fn properties(&self) -> Vec<(String, String)> {
        properties(&self.path)
    }

    /// Free ports for so many masters and workers, those of the last start where they are still free.
    pub(super) fn ports(&self, masters: usize, workers: usize) -> Result<(Vec<Ports>, Vec<Ports>), Failure> {
        let file = self.path.join("ports.json");
        // What cannot be read is replaced: nothing but the old addresses is lost.
        let text = fs::read_to_string(&file).unwrap_or_default();
        let mut remembered: Remembered = serde_json::from_str(&text).unwrap_or_default();
        // Every port is held until all are chosen, so that none is chosen twice.
        let mut held = Vec::new();
        let chosen = fill(&mut remembered.masters, masters, &mut held)
            .and_then(|()| fill(&mut remembered.workers, workers, &mut held))
            .and_then(|()| fs::write(&file, serde_json::to_string(&remembered).unwrap_or_default()));
        chosen.map_err(|error| {
            Failure::failed(format!(
                "no free ports on 127.0.0.1, or {}: {error}",
                file.display()
            ))
        })?;
        Ok((
            remembered.masters[..masters].to_vec(),
            remembered.workers[..workers].to_vec(),
        ))
    }
}

/// The configuration that makes any command speak to the cluster in this data directory.
pub(crate) fn properties(path: &Path) -> Vec<(String, String)> {
    let of = |key: &str, value: String| (key.to_owned(), value);
    vec![
        of(
            "spring.datasource.url",
            format!("jdbc:sqlite:{}", path.join("orca.db").display()),
        ),
        of("registry.type", "embedded".to_owned()),
        of(
            "orca.registry.path",
            path.join("registry.db").display().to_string(),
        ),
        // One machine is shared with everything else on it; its load says nothing about these members.
        of("master.server-load-protection.enabled", "false".to_owned()),
        of("worker.server-load-protection.enabled", "false".to_owned()),
    ]
}

/// Makes `list` at least `wanted` long, and each of the first `wanted` free.
fn fill(list: &mut Vec<Ports>, wanted: usize, held: &mut Vec<TcpListener>) -> std::io::Result<()> {
    for index in 0..wanted {
        let old = list.get(index).copied();
        let ports = Ports {
            rpc: hold(old.map(|old| old.rpc), held)?,
            http: hold(old.map(|old| old.http), held)?,
        };
        match list.get_mut(index) {
            Some(place) => *place = ports,
            None => list.push(ports),
        }
    }
    Ok(())
}

fn hold(wish: Option<u16>, held: &mut Vec<TcpListener>) -> std::io::Result<u16> {
    let wished = wish.and_then(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    let listener = match wished {
        Some(listener) => listener,
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
    };
    let port = listener.local_addr()?.port();
    held.push(listener);
    Ok(port)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_user() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let folder = Folder::open(&path).unwrap();
        let refused = Folder::open(&path).err().unwrap();
        let path_text = path.display();
        let expected = format!(
            "{path_text}: in use: another `orca standalone` runs on it; choose another folder with --data-dir"
        );
        assert_eq!(refused.message, expected);
        drop(folder);
        assert!(Folder::open(&path).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let refused = Folder::open(&file.join("data")).err().unwrap();
        assert!(
            refused
                .message
                .starts_with(&file.join("data").display().to_string()),
            "{}",
            refused.message
        );
        assert!(refused.message.contains("--data-dir"), "{}", refused.message);
    }

    #[test]
    fn members_come_back_under_their_old_ports() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path()).unwrap();
        let first = folder.ports(2, 1).unwrap();
        let all: std::collections::BTreeSet<u16> = first
            .0
            .iter()
            .chain(&first.1)
            .flat_map(|ports| [ports.rpc, ports.http])
            .collect();
        assert_eq!(all.len(), 6, "{first:?}");

        // One port is taken by somebody else meanwhile: it is replaced, the others stay.
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first.0[0].rpc)).unwrap();
        let second = folder.ports(2, 1).unwrap();
        drop(taken);
        assert_ne!(second.0[0].rpc, first.0[0].rpc);
        assert_eq!((second.0[1], second.1[0]), (first.0[1], first.1[0]));
        fs::write(parent.path().join("ports.json"), "not json").unwrap();
        assert!(folder.ports(1, 1).is_ok());
    }
}
