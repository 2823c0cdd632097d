//! The environment of the process: the only place in the project that reads it.

use std::collections::BTreeMap;

/// A copy of the environment, taken once. Tests make their own.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Variables whose name or value is not UTF-8 are left out: no setting can have such a value.
    pub(crate) fn of_the_process() -> Self {
        let pairs = std::env::vars_os();
        let text =
            pairs.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self {
            variables: text.collect(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The `-Dname=value` words of `JAVA_OPTS`, with shell-like quotes removed.
    pub(crate) fn java_properties(&self) -> Vec<(String, String)> {
        let options = self.get("JAVA_OPTS").unwrap_or_default();
        let words = options
            .split_whitespace()
            .filter_map(|word| word.trim_matches(['"', '\'']).strip_prefix("-D"));
        words
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
            .collect()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self {
            variables: pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_of_java_opts_are_found() {
        let environment = Environment::from_iter([(
            "JAVA_OPTS",
            "-server -Xmx4g -Duser.timezone=Asia/Shanghai \"-Da.b=c=d\" -Dflag",
        )]);
        let expected = [("user.timezone", "Asia/Shanghai"), ("a.b", "c=d")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(environment.java_properties(), expected);
        assert!(Environment::default().java_properties().is_empty());
    }
}
