//! The text format of Prometheus, version 0.0.4.

use super::catalogue::{Definition, Kind};
use super::instruments::{Counter, Histogram};
use super::whole;
use std::fmt::Write as _;

/// The label that every sample of a Java master has.
const APPLICATION: &str = "application=\"master-server\"";

/// A page that grows family by family.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
    /// The maxima of the family that is being written: a family of their own, which follows it.
    maxima: Option<(&'static str, String)>,
}

impl Exposition {
    pub(crate) fn into_text(mut self) -> String {
        self.end();
        self.text
    }

    fn end(&mut self) {
        if let Some((name, rows)) = self.maxima.take() {
            self.line(format_args!("# TYPE {name}_max gauge"));
            self.text.push_str(&rows);
        }
    }

    /// Help and type of a family; its samples follow.
    pub(crate) fn begin(&mut self, family: &Definition) {
        self.end();
        let name = family.name;
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
            Kind::Histogram => "histogram",
        };
        let unit = if family.unit.is_empty() {
            String::new()
        } else {
            format!(" ({})", family.unit)
        };
        self.line(format_args!("# HELP {name} {}{unit}", family.help));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    pub(crate) fn counter(&mut self, family: &Definition, counter: &Counter) {
        self.value(family, whole(counter.get()));
    }

    pub(crate) fn value(&mut self, family: &Definition, value: f64) {
        self.begin(family);
        self.sample(family, &[], value);
    }

    pub(crate) fn sample(&mut self, family: &Definition, labels: &[(&str, &str)], value: f64) {
        self.row(family.name, "", labels, value);
    }

    /// A family of one histogram without labels.
    pub(crate) fn histogram(&mut self, family: &Definition, histogram: &Histogram) {
        self.begin(family);
        self.histogram_sample(family, &[], histogram);
    }

    pub(crate) fn histogram_sample(
        &mut self,
        family: &Definition,
        labels: &[(&str, &str)],
        histogram: &Histogram,
    ) {
        let shown = histogram.snapshot();
        if family.kind == Kind::Histogram {
            for (bound, count) in shown
                .cumulative
                .iter()
                .copied()
                .chain([(f64::INFINITY, shown.count)])
            {
                let bound = number(bound);
                let labels: Vec<_> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
                self.row(family.name, "_bucket", &labels, whole(count));
            }
        }
        self.row(family.name, "_count", labels, whole(shown.count));
        self.row(family.name, "_sum", labels, shown.sum);
        let (_, maxima) = self.maxima.get_or_insert_with(|| (family.name, String::new()));
        maxima.push_str(&row(family.name, "_max", labels, shown.max));
    }

    fn row(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(&row(name, suffix, labels, value));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn row(name: &str, suffix: &str, labels: &[(&str, &str)], value: f64) -> String {
    let mut shown = format!("{name}{suffix}{{{APPLICATION}");
    for (label, text) in labels {
        // Writing to a string cannot fail.
        let _ = write!(shown, ",{label}=\"{}\"", escaped(text));
    }
    format!("{shown}}} {}\n", number(value))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// As Java prints it: always with a decimal point.
fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: Definition = Definition {
        name: "x_seconds",
        kind: Kind::Histogram,
        labels: &["who"],
        unit: "s",
        help: "How long.",
        origin: super::super::catalogue::Origin::Orca,
    };

    #[test]
    fn a_family_is_written_as_the_format_wants_it() {
        let histogram = Histogram::new(&[0.5, 2.0]);
        histogram.record(0.25);
        histogram.record(1.0);
        let mut text = Exposition::default();
        text.begin(&FAMILY);
        text.histogram_sample(&FAMILY, &[("who", "a\"b\\c\nd")], &histogram);
        let labels = r#"application="master-server",who="a\"b\\c\nd""#;
        let expected = format!(
            "# HELP x_seconds How long. (s)\n# TYPE x_seconds histogram\n\
             x_seconds_bucket{{{labels},le=\"0.5\"}} 1.0\nx_seconds_bucket{{{labels},le=\"2.0\"}} 2.0\n\
             x_seconds_bucket{{{labels},le=\"+Inf\"}} 2.0\nx_seconds_count{{{labels}}} 2.0\n\
             x_seconds_sum{{{labels}}} 1.25\n# TYPE x_seconds_max gauge\nx_seconds_max{{{labels}}} 1.0\n"
        );
        assert_eq!(text.into_text(), expected);
    }

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        let shown = [0.0, 3.0, 0.125, 1e15, f64::INFINITY, f64::NAN].map(number);
        assert_eq!(
            shown,
            ["0.0", "3.0", "0.125", "1000000000000000.0", "+Inf", "NaN"]
        );
    }
}
