//! `$FILE{"path"}` and `$ENV{NAME}` inside the texts of a file, as PyDolphinScheduler's `ParseTool` fills them.

use super::limits::INCLUDED_FILE_BYTES_MAX;
use super::{Environment, read_limited};
use std::path::{Path, PathBuf};

pub(super) struct Placeholders<'a> {
    /// The folder of the workflow file.
    pub(super) folder: &'a Path,
    pub(super) environment: Environment<'a>,
}

impl Placeholders<'_> {
    /// The text with its placeholders replaced; what is wrong and what to do, in words, otherwise.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let text = if text.starts_with("$FILE") {
            self.included(text)?
        } else {
            text.to_owned()
        };
        if text.contains("$WORKFLOW{") {
            return Err(
                "$WORKFLOW{...} refers to another workflow, which no supported task type needs; \
                 start that file by itself"
                    .to_owned(),
            );
        }
        if text.contains("${CONFIG.") {
            return Err(
                "${CONFIG....} reads the configuration of PyDolphinScheduler, which is not used here; \
                 write the value itself or take it from the environment with $ENV{NAME}"
                    .to_owned(),
            );
        }
        Ok(self.with_environment(&text))
    }

    /// The whole text is replaced by the content of the file, whatever stands behind the closing bracket.
    fn included(&self, text: &str) -> Result<String, String> {
        let path = text
            .strip_prefix("$FILE{\"")
            .and_then(|rest| rest.split_once("\"}"))
            .map(|(path, _)| path);
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Err("malformed $FILE; write $FILE{\"path/of/the/file\"}".to_owned());
        };
        let chosen = self.locate(path);
        read_limited(&chosen, INCLUDED_FILE_BYTES_MAX).map_err(|reason| {
            format!(
                "$FILE: {} cannot be read: {reason}; give a path relative to this file",
                chosen.display()
            )
        })
    }

    /// As given when that exists, else beside the workflow file.
    fn locate(&self, path: &str) -> PathBuf {
        let given = PathBuf::from(path);
        if given.exists() {
            given
        } else {
            self.folder.join(path)
        }
    }

    /// A variable that is not set becomes `$NAME`, so that the shell of the task looks it up where it runs.
    fn with_environment(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("$ENV{") {
            let Some((name, remainder)) = after.split_once('}') else {
                break;
            };
            filled.push_str(before);
            match (self.environment)(name) {
                Some(value) => filled.push_str(&value),
                None => filled.extend(["$", name]),
            }
            rest = remainder;
        }
        filled.push_str(rest);
        filled
    }
}
