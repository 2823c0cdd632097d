//! The files a task is run from: a shell script, and for PYTHON the program it starts.
//!
//! Same shape as the Java worker's (`BaseLinuxShellInterceptorBuilder`): change to the working directory, the text of the
//! environment, then the script. Files are readable by the worker's user only, for environments hold secrets.

use super::parameters::ScriptParameters;
use crate::limits;
use orca_engine::model::Property;
use orca_engine::params::{ParamError, substitute};
use orca_engine::time::Millis;
use orca_engine::zone::Zone;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;

/// The task types this worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Shell,
    Python,
}

#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("the placeholders of the script cannot be replaced")]
    Placeholders(#[from] ParamError),
    #[error("the script has {len} bytes after its placeholders are replaced, more than {most}")]
    TooLong { len: usize, most: usize },
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Language {
    #[must_use]
    pub fn of(task_type: &str) -> Option<Self> {
        match task_type {
            "SHELL" => Some(Self::Shell),
            "PYTHON" => Some(Self::Python),
            _ => None,
        }
    }
}

/// What the files are made from.
pub struct Script<'a> {
    pub language: Language,
    pub parameters: &'a ScriptParameters,
    pub prepared: &'a BTreeMap<String, Property>,
    pub environment: Option<&'a str>,
    pub python_launcher: &'a str,
    pub now: Millis,
    pub zone: Zone,
}

impl Script<'_> {
    /// Writes the files and answers the path of the one to start.
    pub async fn write(&self, directory: &Path, task_instance_id: i32) -> Result<PathBuf, ScriptError> {
        let body = self.substituted()?;
        let path = directory.join(format!("{task_instance_id}.sh"));
        let body = match self.language {
            Language::Shell => body,
            Language::Python => {
                let program = directory.join(format!("py_{task_instance_id}.py"));
                create(&program, &format!("#-*- encoding=utf8 -*-\n\n{body}")).await?;
                // The launcher may be a command with arguments, so it is not quoted; the file name is.
                format!(
                    "${{PYTHON_LAUNCHER:-{}}} {}",
                    self.python_launcher,
                    quoted(&program)
                )
            }
        };
        let environment = self.environment.unwrap_or_default().replace("\r\n", "\n");
        let text = format!(
            "#!/bin/bash\nBASEDIR=$(cd \"$(dirname \"$0\")\"; pwd)\ncd \"$BASEDIR\"\n{environment}\n{body}"
        );
        create(&path, &text).await?;
        Ok(path)
    }

    fn substituted(&self) -> Result<String, ScriptError> {
        let body = substitute(&self.parameters.raw_script, self.prepared, self.now, &self.zone)?;
        if body.len() > limits::SCRIPT_LEN_MAX {
            return Err(ScriptError::TooLong {
                len: body.len(),
                most: limits::SCRIPT_LEN_MAX,
            });
        }
        Ok(body)
    }
}

/// For `sh`: everything between single quotes, a single quote as `'\''`.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

async fn create(path: &Path, text: &str) -> Result<(), ScriptError> {
    let write = async {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o700)
            .open(path)
            .await?;
        file.write_all(text.as_bytes()).await?;
        file.flush().await
    };
    write.await.map_err(|source| ScriptError::Write {
        path: path.to_owned(),
        source,
    })
}
