//! The configuration of Apache: its main file and what that includes, on Debian and on Red Hat.

use std::path::Path;

use crate::host::{FileKind, Host, HostError};
use crate::probes::finding::Unmeasured;
use crate::probes::reading;

/// The main files with the folder that their relative names start from.
const MAIN: [(&str, &str); 2] =
    [("/etc/apache2/apache2.conf", "/etc/apache2"), ("/etc/httpd/conf/httpd.conf", "/etc/httpd")];
/// How many files the configuration may be spread over.
const MAX_FILES: usize = 500;
const MAX_DEPTH: usize = 8;
/// What Apache answers when nothing is said.
const DEFAULT: &str = "all -SSLv3";

/// One line that says something, in the order of reading.
pub(super) struct Line {
    name: String,
    value: String,
    /// The number of the virtual host that it lies in.
    host: Option<usize>,
}

/// Every line that Apache goes by, whatever the conditions around it; none where Apache is not configured.
pub(super) fn read(host: &dyn Host) -> Result<Vec<Line>, Unmeasured> {
    let mut reader = Reader { host, lines: Vec::new(), files: 0, hosts: 0, current: None };
    for (main, root) in MAIN {
        if reading::exists(host, main)? {
            reader.file(main, root, 0)?;
        }
    }
    Ok(reader.lines)
}

/// The files named by every `SSLCertificateFile`.
pub(super) fn certificates(lines: &[Line]) -> Vec<String> {
    let named = lines.iter().filter(|line| line.name == "sslcertificatefile");
    named.map(|line| line.value.clone()).collect()
}

/// The versions that each place with TLS answers: its own setting, else the general one, else the default. Nothing where
/// TLS is on nowhere; an error with the word that was not understood.
pub(super) fn protocols(lines: &[Line]) -> Result<Option<Vec<String>>, String> {
    let setting = |host: Option<usize>| {
        let own = lines.iter().rev().find(|line| line.name == "sslprotocol" && line.host == host);
        own.map(|line| line.value.as_str())
    };
    let places =
        lines.iter().filter(|line| line.name == "sslengine" && !line.value.eq_ignore_ascii_case("off"));
    let mut offered = None;
    for place in places {
        let value = setting(place.host).or_else(|| setting(None)).unwrap_or(DEFAULT);
        offered.get_or_insert_with(Vec::new).extend(versions(value)?);
    }
    Ok(offered)
}

/// `all -SSLv3 -TLSv1`: words add, or with `-` remove.
fn versions(value: &str) -> Result<Vec<String>, String> {
    let mut versions: Vec<&str> = Vec::new();
    for word in value.split_whitespace() {
        let (remove, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word.trim_start_matches('+')),
        };
        let known = super::services::version(name);
        let named: Vec<&str> = match known {
            Some(version) => vec![version],
            None if name.eq_ignore_ascii_case("all") => vec!["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
            None => return Err(name.to_owned()),
        };
        for name in named {
            versions.retain(|known| *known != name);
            if !remove {
                versions.push(name);
            }
        }
    }
    Ok(versions.into_iter().map(str::to_owned).collect())
}

struct Reader<'a> {
    host: &'a dyn Host,
    lines: Vec<Line>,
    files: usize,
    hosts: usize,
    current: Option<usize>,
}

impl Reader<'_> {
    fn file(&mut self, path: &str, root: &str, depth: usize) -> Result<(), Unmeasured> {
        self.files += 1;
        if self.files > MAX_FILES || depth > MAX_DEPTH {
            return Err(Unmeasured::error("the configuration is spread over too many files", path));
        }
        // A link to a file that was removed configures nothing.
        let Some(text) = reading::text_if_there(self.host, path)? else { return Ok(()) };
        let mut root = root.to_owned();
        // Only a line that begins with it is a comment; one that ends in a backslash goes on.
        for line in text.replace("\\\n", " ").lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let (name, value) = (name.to_ascii_lowercase(), value.trim().trim_matches('"').to_owned());
            match name.as_str() {
                "<virtualhost" => {
                    self.hosts += 1;
                    self.current = Some(self.hosts);
                }
                "</virtualhost>" => self.current = None,
                "serverroot" if value.starts_with('/') => value.clone_into(&mut root),
                "include" | "includeoptional" => {
                    for path in self.expand(&value, &root)? {
                        self.file(&path, &root, depth + 1)?;
                    }
                }
                _ => self.lines.push(Line { name, value, host: self.current }),
            }
        }
        Ok(())
    }

    /// A file, every file of a folder, or what fits a pattern in the last part of the path.
    fn expand(&self, value: &str, root: &str) -> Result<Vec<String>, Unmeasured> {
        let path = if value.starts_with('/') { value.to_owned() } else { format!("{root}/{value}") };
        let unclear = || Unmeasured::unknown(format!("the include of {value} was not understood"), root);
        let (folder, name) = path.rsplit_once('/').ok_or_else(unclear)?;
        if path.contains(['$', '?', '[']) || folder.contains('*') || name.matches('*').count() > 1 {
            return Err(unclear());
        }
        let Some((before, after)) = name.split_once('*') else {
            return match self.host.metadata(Path::new(&path)) {
                Ok(found) if found.kind == FileKind::Directory => self.files(&path, "", ""),
                Ok(_) => Ok(vec![path]),
                Err(HostError::NotFound) => Ok(Vec::new()),
                Err(error) => Err(Unmeasured::from_host(&error, &path)),
            };
        };
        self.files(folder, before, after)
    }

    fn files(&self, folder: &str, before: &str, after: &str) -> Result<Vec<String>, Unmeasured> {
        let fits = |name: &str| {
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        };
        let entries = reading::list(self.host, folder)?;
        let wanted = entries.into_iter().filter(|entry| !entry.is_directory && fits(&entry.name));
        Ok(wanted.map(|entry| format!("{folder}/{}", entry.name)).collect())
    }
}
