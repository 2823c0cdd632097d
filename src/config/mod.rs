//! The configuration: the files, keys and environment names of the Java servers, and Orca's own keys below `orca`.
//!
//! Guarantees: later layers win (defaults, `common.properties`, `application.yaml`, its active profile sections, environment, `-D` in
//! `JAVA_OPTS`, command line); every problem is reported at once with its full key and place; secrets never appear in a message. What it
//! refuses to know: what the values are for.

mod accepted;
mod duration;
mod environment;
mod file;
mod layer;
mod names;
mod placeholder;
mod reference;
mod section;
mod sections;
mod settings;
#[cfg(test)]
mod tests;
mod value;
mod zone;

pub(crate) use environment::Environment;
pub(crate) use reference::page as reference_page;
pub(crate) use section::Problem;
pub(crate) use sections::master::Balancer;
pub(crate) use sections::network::{Network, NetworkStrategy};
pub(crate) use sections::registry::RegistryType;
pub(crate) use settings::Settings;

use ::config::Config;
use file::Document;
use layer::{Known, Layer, Remarks};
use names::uniform;
use section::{Checks, Given, Reader, Text};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// What the configuration is for. Some defaults depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A server of a cluster, or a command about one: `conf/application.yaml` is read when it is there.
    #[default]
    Cluster,
    /// Everything on this machine: no file is looked for, the database is SQLite and the registry the embedded one.
    Standalone,
}

/// Where to look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// `--config`; without it `ORCA_CONFIG`, then `conf/application.yaml`, then `application.yaml`.
    pub(crate) file: Option<PathBuf>,
    /// `-Dkey=value` and `--key=value`.
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) purpose: Purpose,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) settings: Settings,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<String>,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) profiles: Vec<String>,
    /// Where each key that is set comes from.
    pub(crate) origins: BTreeMap<String, String>,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Unusable {
    pub(crate) problems: Vec<Problem>,
}

impl fmt::Display for Unusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.problems.len() == 1 { "" } else { "s" };
        write!(
            formatter,
            "the configuration has {} problem{plural}:",
            self.problems.len()
        )?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

impl Report {
    /// The settings, when nothing is wrong.
    pub(crate) fn usable(self) -> Result<(Settings, Vec<String>), Unusable> {
        if self.problems.is_empty() {
            Ok((self.settings, self.warnings))
        } else {
            Err(Unusable {
                problems: self.problems,
            })
        }
    }
}

/// Reads every layer. Never fails: what is wrong is in the report.
pub(crate) fn load(request: &Request, environment: &Environment) -> Report {
    let known = Known {
        keys: FIELDS
            .iter()
            .map(|field| (uniform(&field.key), field.key.as_str()))
            .collect(),
    };
    let mut remarks = Remarks::default();
    let mut found = Found::default();
    let command_line = command_line(request, &known, &mut remarks);
    let java = java_layer(environment, &known);
    let variables = environment_layer(environment, &known, &mut remarks);
    found.layers.extend(purpose_layer(request.purpose));
    if let Some(path) = file_of(request, environment) {
        read_files(
            &path,
            [&command_line, &java, &variables],
            &known,
            &mut found,
            &mut remarks,
        );
    }
    found.layers.extend([variables, java, command_line]);
    let mut problems = std::mem::take(&mut remarks.problems);
    let values = merge(found.layers, environment, &mut problems);
    let mut reader = Reader::new(values, problems);
    let mut settings = Settings::read(&mut reader);
    let mut checks = Checks::new(&reader.origins);
    settings.in_kubernetes = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]
        .iter()
        .all(|name| environment.get(name).is_some());
    settings.validate(&mut checks);
    settings.choose_zone(java_zone(environment).as_deref(), &mut checks);
    let found_later = checks.problems;
    // A value that could not be read has been replaced by its default, about which there is nothing to say.
    let mut problems = reader.problems;
    for problem in found_later {
        if !problems.iter().any(|earlier| earlier.key == problem.key) {
            problems.push(problem);
        }
    }
    Report {
        settings,
        problems,
        warnings: remarks.warnings,
        files: found.files,
        profiles: found.profiles,
        origins: reader.origins,
    }
}

#[derive(Default)]
struct Found {
    layers: Vec<Layer>,
    files: Vec<PathBuf>,
    profiles: Vec<String>,
}

/// A known key with what the environment needs to know of it.
struct KnownField {
    key: String,
    empty_is_a_value: bool,
}

static FIELDS: LazyLock<Vec<KnownField>> = LazyLock::new(|| {
    let sections = Settings::sections();
    let of_section = |section: &settings::SectionFields| {
        let known = |field| KnownField {
            key: section.full(field),
            empty_is_a_value: field.empty_is_a_value,
        };
        section.fields.iter().map(known).collect::<Vec<_>>()
    };
    sections.iter().flat_map(of_section).collect()
});

fn file_of(request: &Request, environment: &Environment) -> Option<PathBuf> {
    let named = request.file.clone().or_else(|| {
        environment
            .get("ORCA_CONFIG")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
    });
    let usual = || {
        ["conf/application.yaml", "application.yaml"]
            .map(PathBuf::from)
            .into_iter()
            .find(|path| path.is_file())
    };
    match request.purpose {
        Purpose::Cluster => named.or_else(usual),
        Purpose::Standalone => named,
    }
}

/// `common.properties` beside the file, the file, and the file of each active profile.
fn read_files(path: &Path, stronger: [&Layer; 3], known: &Known, found: &mut Found, remarks: &mut Remarks) {
    let common = path.with_file_name("common.properties");
    if common.is_file() {
        found.layers.push(file::read_properties(&common, remarks));
        found.files.push(common);
    }
    let documents = file::read_yaml(path, known, remarks);
    found.files.push(path.to_owned());
    found.profiles = active_profiles(&documents, stronger);
    let mut profile_documents = Vec::new();
    for profile in &found.profiles {
        let (stem, extension) = (
            path.file_stem().unwrap_or_default(),
            path.extension().unwrap_or_default(),
        );
        let name = format!(
            "{}-{profile}.{}",
            stem.to_string_lossy(),
            extension.to_string_lossy()
        );
        let of_profile = path.with_file_name(name);
        // A profile is a name, never a path.
        if !profile.contains(['/', '\\']) && of_profile.is_file() {
            profile_documents.extend(file::read_yaml(&of_profile, known, remarks));
            found.files.push(of_profile);
        }
    }
    let all = documents.into_iter().chain(profile_documents);
    let active = all.filter(|document| document.is_for(&found.profiles));
    found
        .layers
        .extend(active.map(|document| document.layer).collect::<Vec<_>>());
}

fn active_profiles(documents: &[Document], stronger: [&Layer; 3]) -> Vec<String> {
    let key = uniform("spring.profiles.active");
    let given = stronger.into_iter().find_map(|layer| layer.get(&key));
    let general = documents.iter().filter(|document| document.is_for_all());
    let of_file = || {
        general
            .filter_map(|document| document.layer.get(&key))
            .next_back()
    };
    let names = given
        .filter(|names| !names.is_empty())
        .or_else(of_file)
        .unwrap_or_default();
    let names: Vec<_> = names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        vec!["default".to_owned()]
    } else {
        names
    }
}

fn purpose_layer(purpose: Purpose) -> Option<Layer> {
    let mut layer = Layer::default();
    let origin = "default of orca standalone";
    layer.insert(
        "spring.datasource.url",
        "jdbc:sqlite:${orca.data-directory:.orca}/orca.db",
        origin,
    );
    layer.insert("registry.type", "embedded", origin);
    (purpose == Purpose::Standalone).then_some(layer)
}

fn command_line(request: &Request, known: &Known, remarks: &mut Remarks) -> Layer {
    let mut layer = Layer::default();
    for (key, value) in &request.properties {
        known.remark(key, "command line", remarks);
        layer.insert(key, value, "command line");
    }
    layer
}

/// System properties of the JVM that would have run. Only the known ones count; a JVM has many others.
fn java_layer(environment: &Environment, known: &Known) -> Layer {
    let mut layer = Layer::default();
    for (key, value) in environment.java_properties() {
        if known.keys.contains_key(&uniform(&key)) || uniform(&key) == "spring.profiles.active" {
            layer.insert(&key, &value, &format!("-D{key} in JAVA_OPTS"));
        }
    }
    layer
}

/// Variables of other owners that set a key of ours, when our own names are not set.
const OTHER_NAMES: [(&str, &str); 1] = [("orca.log.filter", "RUST_LOG")];

fn environment_layer(environment: &Environment, known: &Known, remarks: &mut Remarks) -> Layer {
    let mut layer = Layer::default();
    let profiles = KnownField {
        key: "spring.profiles.active".to_owned(),
        empty_is_a_value: false,
    };
    for field in FIELDS.iter().chain([&profiles]) {
        let mut candidates = names::environment_names(&field.key);
        candidates.extend(
            OTHER_NAMES
                .iter()
                .filter(|(key, _)| *key == field.key)
                .map(|(_, name)| (*name).to_owned()),
        );
        let set = candidates
            .iter()
            .find_map(|name| Some((name, environment.get(name)?)));
        if let Some((name, value)) = set.filter(|(_, value)| field.empty_is_a_value || !value.is_empty()) {
            layer.insert(&field.key, value, &format!("environment variable {name}"));
        }
    }
    remark_variables(environment, known, remarks);
    layer
}

/// A variable that is nearly one of ours was probably meant to be one. Others are none of our business.
fn remark_variables(environment: &Environment, known: &Known, remarks: &mut Remarks) {
    const FAMILIES: [&str; 5] = ["MASTER_", "WORKER_", "REGISTRY_", "ORCA_", "SPRING_DATASOURCE_"];
    let ours: BTreeMap<String, &str> = known
        .keys
        .values()
        .flat_map(|key| names::environment_names(key).into_iter().map(|name| (name, *key)))
        .collect();
    for name in environment
        .names()
        .filter(|name| FAMILIES.iter().any(|family| name.starts_with(family)))
    {
        if ours.contains_key(name) {
            continue;
        }
        let is = |prefix: &str| {
            names::environment_names(prefix)
                .iter()
                .any(|removed| name == removed || name.starts_with(&format!("{removed}_")))
        };
        if let Some((_, note)) = accepted::REMOVED.iter().find(|(prefix, _)| is(prefix)) {
            remarks.warnings.push(format!(
                "environment variable {name} sets a key of an older release and has no effect: {note}"
            ));
        } else if !accepted::UNUSED.iter().any(|(prefix, _)| is(prefix)) {
            let nearest = ours
                .keys()
                .map(|other| (names::distance(name, other), other))
                .min();
            if let Some((_, nearest)) = nearest.filter(|(distance, _)| *distance <= 2) {
                remarks.warnings.push(format!(
                    "environment variable {name} sets no known key; did you mean {nearest}?"
                ));
            }
        }
    }
}

/// One value per key: the last layer wins; then placeholders are replaced.
fn merge(
    layers: Vec<Layer>,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Given> {
    let builder = layers
        .into_iter()
        .fold(Config::builder(), |builder, layer| builder.add_source(layer));
    let table = match builder
        .build()
        .and_then(|merged| ::config::Source::collect(&merged))
    {
        Ok(table) => table,
        Err(error) => {
            problems.push(Problem::of(
                "configuration",
                format!("the layers cannot be merged: {error}"),
            ));
            return BTreeMap::new();
        }
    };
    let mut leaves = Vec::new();
    layer::flatten("", table, &mut leaves);
    let raw: BTreeMap<String, Given> = leaves
        .into_iter()
        .filter_map(|(key, value)| {
            let origin = value.origin().unwrap_or("configuration").to_owned();
            Some((
                key,
                Given {
                    text: layer::text_of(&value.kind)?,
                    origin,
                },
            ))
        })
        .collect();
    resolve_all(&raw, environment, problems)
}

fn resolve_all(
    raw: &BTreeMap<String, Given>,
    environment: &Environment,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Given> {
    let look_up = |name: &str| {
        let of_key = raw.get(&uniform(name)).map(|given| match &given.text {
            Text::One(text) => text.clone(),
            Text::Many(items) => items.join(","),
        });
        of_key.or_else(|| variable(environment, name))
    };
    let mut resolved = BTreeMap::new();
    for (key, given) in raw {
        let resolve = |text: &String| placeholder::resolve(text, &look_up);
        let text = match &given.text {
            Text::One(text) => resolve(text).map(Text::One),
            Text::Many(items) => items
                .iter()
                .map(resolve)
                .collect::<Result<_, _>>()
                .map(Text::Many),
        };
        match text {
            Ok(text) => {
                resolved.insert(
                    key.clone(),
                    Given {
                        text,
                        origin: given.origin.clone(),
                    },
                );
            }
            Err(error) => {
                // Keys that nobody reads may refer to whatever the Java server has.
                if let Some(field) = FIELDS.iter().find(|field| uniform(&field.key) == *key) {
                    let origin = Some(given.origin.clone());
                    problems.push(Problem {
                        origin,
                        key: field.key.clone(),
                        text: error.to_string(),
                    });
                }
            }
        }
    }
    resolved
}

/// A variable by its own name, or by the name of the key it sets.
fn variable(environment: &Environment, name: &str) -> Option<String> {
    let of_key = || {
        names::environment_names(name)
            .into_iter()
            .find_map(|name| environment.get(&name).map(str::to_owned))
    };
    environment.get(name).map(str::to_owned).or_else(of_key)
}

/// `-Duser.timezone`. Java's own start script passes it with an unexpanded placeholder, which means nothing when it cannot be resolved.
fn java_zone(environment: &Environment) -> Option<String> {
    let (_, zone) = environment
        .java_properties()
        .into_iter()
        .rfind(|(name, _)| name == "user.timezone")?;
    let zone = placeholder::resolve(&zone, &|name| variable(environment, name)).ok()?;
    (!zone.is_empty()).then_some(zone)
}
