//! Database URLs in the forms that Java's drivers take, and the same without `jdbc:`.
//!
//! `mysql://h1[:3306][,h2...]/name[?...]` (also `mysql:loadbalance:`, `mysql:replication:`, `mysql:failover:`, `mariadb:`): the addresses are
//! tried in their order. `sqlite:path`. Parameters that matter are honoured, the others are accepted without effect.

use crate::error::Error;
use crate::settings::{DatabaseSettings, Secret};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

const KEY: &str = "spring.datasource.url";
const FORMS: &str = "use jdbc:mysql://host:3306/name or jdbc:sqlite:/path/to/file.db";
const MYSQL_PORT: u16 = 3306;
const ADDRESSES_MAX: usize = 16;

#[derive(Clone, Debug)]
pub(crate) enum Target {
    MySql(MySqlTarget),
    Sqlite(PathBuf),
}

#[derive(Clone, Debug)]
pub(crate) struct MySqlTarget {
    /// In the order of the URL.
    pub(crate) addresses: Vec<(String, u16)>,
    pub(crate) database: String,
    pub(crate) username: String,
    pub(crate) password: Secret,
    pub(crate) ssl_mode: Option<&'static str>,
    pub(crate) unix_socket: Option<String>,
    pub(crate) connect_timeout: Duration,
    /// The zone in which the Java driver renders times, when the URL names one.
    pub(crate) zone: Option<chrono_tz::Tz>,
}

/// The URL without user, password and parameters: fit for logs.
pub(crate) fn without_secrets(url: &str) -> String {
    let base = url.split(['?', ';']).next().unwrap_or_default();
    match (base.find("//"), base.rfind('@')) {
        (Some(start), Some(at)) if at > start => format!("{}//{}", &base[..start], &base[at + 1..]),
        _ => base.to_owned(),
    }
}

fn bad(reason: impl Into<String>) -> Error {
    Error::Setting {
        key: KEY,
        reason: reason.into(),
        help: FORMS,
    }
}

pub(crate) fn parse(settings: &DatabaseSettings) -> Result<Target, Error> {
    let url = settings.url.trim();
    let plain = url.strip_prefix("jdbc:").unwrap_or(url);
    let (scheme, rest) = plain
        .split_once(':')
        .ok_or_else(|| bad("there is no scheme before a colon"))?;
    match scheme {
        "mysql" | "mariadb" => mysql(rest, settings).map(Target::MySql),
        "sqlite" => sqlite(rest).map(Target::Sqlite),
        "postgresql" | "postgres" => Err(bad("PostgreSQL is not supported by this version")),
        "h2" => Err(bad("H2 runs only inside a Java process")),
        other => Err(bad(format!("the scheme {other:?} is not known"))),
    }
}

fn sqlite(rest: &str) -> Result<PathBuf, Error> {
    let rest = rest.split('?').next().unwrap_or_default();
    let path = rest.strip_prefix("file:").unwrap_or(rest);
    let path = match path.strip_prefix("//") {
        // sqlite:///absolute and sqlite://relative
        Some(stripped) => stripped,
        None => path,
    };
    if path.is_empty() || path == ":memory:" {
        return Err(bad(
            "SQLite needs a file, because several connections share the database",
        ));
    }
    Ok(PathBuf::from(path))
}

fn mysql(rest: &str, settings: &DatabaseSettings) -> Result<MySqlTarget, Error> {
    let rest = [
        "loadbalance:",
        "replication:",
        "failover:",
        "sequential:",
        "aurora:",
    ]
    .iter()
    .find_map(|kind| rest.strip_prefix(kind))
    .unwrap_or(rest);
    let rest = rest
        .strip_prefix("//")
        .ok_or_else(|| bad("\"//\" and a host are missing after mysql:"))?;
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = base
        .rsplit_once('/')
        .ok_or_else(|| bad("the name of the database is missing"))?;
    if database.is_empty()
        || !database
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-$.".contains(c))
    {
        return Err(bad(format!(
            "{database:?} is not a name of a database (letters, digits, '_', '-', '$', '.')"
        )));
    }
    let (credentials, hosts) = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => (Some(credentials), hosts),
        None => (None, authority),
    };
    let mut parsed = MySqlTarget {
        addresses: addresses(hosts)?,
        database: database.to_owned(),
        username: String::new(),
        password: Secret::default(),
        ssl_mode: None,
        unix_socket: None,
        connect_timeout: settings.connect_timeout,
        zone: None,
    };
    if let Some(credentials) = credentials {
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        parsed.username = decode(user)?;
        parsed.password = Secret::new(decode(password)?);
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameter(&mut parsed, name, &decode(value)?)?;
    }
    if let Some(username) = &settings.username {
        parsed.username.clone_from(username);
    }
    if let Some(password) = &settings.password {
        parsed.password = password.clone();
    }
    Ok(parsed)
}

fn addresses(hosts: &str) -> Result<Vec<(String, u16)>, Error> {
    let parsed: Vec<_> = hosts.split(',').map(address).collect::<Result<_, _>>()?;
    if parsed.len() > ADDRESSES_MAX {
        return Err(bad(format!("more than {ADDRESSES_MAX} addresses")));
    }
    Ok(parsed)
}

fn address(text: &str) -> Result<(String, u16), Error> {
    let text = text.trim();
    if text.contains('(') {
        return Err(bad(format!("the address form {text:?} is not supported")));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest
                .split_once(']')
                .ok_or_else(|| bad(format!("{text:?} has no closing bracket")))?;
            (host, after.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let known = |c: char| c.is_ascii_alphanumeric() || "-_.:%".contains(c);
    if host.is_empty() || !host.chars().all(known) {
        return Err(bad(format!("{text:?} is not an address")));
    }
    let port = match port {
        None | Some("") => MYSQL_PORT,
        Some(port) => port.parse().map_err(|_| bad(format!("{port:?} is not a port")))?,
    };
    Ok((host.to_owned(), port))
}

fn parameter(target: &mut MySqlTarget, name: &str, value: &str) -> Result<(), Error> {
    match name {
        "user" => value.clone_into(&mut target.username),
        "password" => target.password = Secret::new(value),
        "unix_socket" => target.unix_socket = Some(value.to_owned()),
        "sslMode" | "sslmode" => {
            target.ssl_mode = Some(match value.to_ascii_uppercase().as_str() {
                "DISABLED" | "DISABLE" => "disabled",
                "PREFERRED" | "TRUST" => "preferred",
                "REQUIRED" => "required",
                "VERIFY_CA" | "VERIFY-CA" => "verify_ca",
                "VERIFY_IDENTITY" | "VERIFY-FULL" => "verify_identity",
                _ => return Err(bad(format!("{name} has the unknown value {value:?}"))),
            });
        }
        "useSSL" | "useSsl" if target.ssl_mode.is_none() => {
            target.ssl_mode = Some(if value.eq_ignore_ascii_case("true") {
                "preferred"
            } else {
                "disabled"
            });
        }
        "serverTimezone" | "connectionTimeZone" if !["LOCAL", "SERVER", ""].contains(&value) => {
            let zone = value
                .parse()
                .map_err(|_| bad(format!("{name} names the unknown zone {value:?}")))?;
            target.zone = Some(zone);
        }
        "connectTimeout" => {
            let millis: u64 = value
                .parse()
                .map_err(|_| bad(format!("{name} is not a number of milliseconds")))?;
            if millis > 0 {
                target.connect_timeout = Duration::from_millis(millis);
            }
        }
        "socketTimeout" if value != "0" => {
            log::warn!(
                "{KEY}: socketTimeout has no effect; a silent server is noticed by the operating system's keep-alive"
            );
        }
        _ => {}
    }
    Ok(())
}

impl MySqlTarget {
    /// The form the client library takes, for one of the addresses.
    pub(crate) fn client_url(&self, host: &str, port: u16) -> String {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let mut url = format!(
            "mysql://{}:{}@{host}:{port}/{}",
            encode(&self.username),
            encode(self.password.reveal()),
            self.database
        );
        let mut separator = '?';
        for (name, value) in [
            ("ssl_mode", self.ssl_mode),
            ("unix_socket", self.unix_socket.as_deref()),
        ] {
            if let Some(value) = value {
                url.push(separator);
                url.push_str(name);
                url.push('=');
                url.push_str(&encode(value));
                separator = '&';
            }
        }
        url
    }
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(text: &str) -> Result<String, Error> {
    let wrong = || bad("a percent sign is not followed by two hexadecimal digits of UTF-8 text");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            rest.next()
                .and_then(|byte| char::from(byte).to_digit(16))
                .ok_or_else(wrong)
        };
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).map_err(|_| wrong())?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysql_of(url: &str) -> MySqlTarget {
        match parse(&DatabaseSettings::new(url)).unwrap() {
            Target::MySql(target) => target,
            Target::Sqlite(path) => panic!("SQLite at {path:?}"),
        }
    }

    #[test]
    fn reads_the_forms_of_java() {
        let one =
            mysql_of("jdbc:mysql://db/dolphinscheduler?useUnicode=true&characterEncoding=UTF-8&useSSL=false");
        assert_eq!(one.addresses, [("db".to_owned(), 3306)]);
        assert_eq!(
            (one.database.as_str(), one.ssl_mode),
            ("dolphinscheduler", Some("disabled"))
        );
        let two = mysql_of(
            "jdbc:mysql:replication://[::1]:3307,b:3308/ds?connectTimeout=1500&serverTimezone=Asia/Shanghai",
        );
        assert_eq!(two.addresses, [("::1".to_owned(), 3307), ("b".to_owned(), 3308)]);
        assert_eq!(
            (two.connect_timeout, two.zone),
            (Duration::from_millis(1500), Some(chrono_tz::Asia::Shanghai))
        );
    }

    #[test]
    fn settings_win_over_the_credentials_of_the_url() {
        let mut settings = DatabaseSettings::new("mysql://a:b%40c@h/d?user=u&password=p");
        let Target::MySql(target) = parse(&settings).unwrap() else {
            panic!("not MySQL")
        };
        assert_eq!((target.username.as_str(), target.password.reveal()), ("u", "p"));
        settings.username = Some("root".to_owned());
        settings.password = Some(Secret::new("s/c?r"));
        let Target::MySql(target) = parse(&settings).unwrap() else {
            panic!("not MySQL")
        };
        assert_eq!(target.client_url("h", 3306), "mysql://root:s%2Fc%3Fr@h:3306/d");
    }

    #[test]
    fn reads_sqlite_paths() {
        for (url, path) in [
            ("jdbc:sqlite:/a/b.db", "/a/b.db"),
            ("sqlite:b.db?cache=shared", "b.db"),
            ("sqlite:///a/b.db", "/a/b.db"),
            ("jdbc:sqlite:file:c.db", "c.db"),
        ] {
            assert!(
                matches!(parse(&DatabaseSettings::new(url)), Ok(Target::Sqlite(found)) if found == path.as_ref() as &std::path::Path),
                "{url}"
            );
        }
    }

    #[test]
    fn refuses_with_a_reason() {
        for (url, part) in [
            ("", "no scheme"),
            ("jdbc:oracle:thin", "oracle"),
            ("jdbc:postgresql://h/d", "PostgreSQL"),
            ("jdbc:mysql:h/d", "\"//\""),
            ("jdbc:mysql://h", "name of the database"),
            ("jdbc:mysql://h:port/d", "not a port"),
            ("jdbc:mysql://address=(host=h)/d", "not supported"),
            ("jdbc:mysql://h/d?sslMode=SOMETIMES", "SOMETIMES"),
            ("jdbc:mysql://h/d?user=%zz", "percent"),
            ("jdbc:mysql://,/d", "not an address"),
            ("jdbc:mysql://[::1/d", "bracket"),
            ("jdbc:sqlite::memory:", "file"),
        ] {
            let error = parse(&DatabaseSettings::new(url)).unwrap_err().to_string();
            assert!(error.contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn shows_no_secret() {
        let mut settings = DatabaseSettings::new("jdbc:mysql://me:hush@h/d?password=hush");
        settings.password = Some(Secret::new("hush"));
        assert!(!format!("{settings:?}").contains("hush"));
        assert_eq!(without_secrets(&settings.url), "jdbc:mysql://h/d");
    }
}
