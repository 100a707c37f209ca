//! Patterns of names: `*` for any characters, `?` for one, without regard to case.

use serde::{Deserialize, Serialize};

/// Longer than any name.
const LONGEST: usize = 300;

/// The systems that the service is documented to name, or was seen to. A pattern that fits none of them is a mistake.
const PLATFORMS: [&str; 36] = [
    "Windows7",
    "Windows8",
    "Windows8Blue",
    "Windows10",
    "Windows10WVD",
    "Windows11",
    "WindowsServer",
    "WindowsServer2008",
    "WindowsServer2008R2",
    "WindowsServer2012",
    "WindowsServer2012R2",
    "WindowsServer2016",
    "WindowsServer2019",
    "WindowsServer2022",
    "WindowsServer2025",
    "macOS",
    "iOS",
    "Android",
    "Linux",
    "AlmaLinux",
    "AmazonLinux",
    "CentOS",
    "Debian",
    "Fedora",
    "OracleLinux",
    "RedHat",
    "RedHatEnterpriseLinux",
    "RHEL",
    "Rocky",
    "RockyLinux",
    "SLES",
    "SUSE",
    "SuseLinuxEnterpriseServer",
    "Ubuntu",
    "UbuntuLinux",
    "UbuntuServer",
];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Pattern(String);

/// A pattern that is held to more, to be read from a file: a mistake is told where it stands.
macro_rules! held_to {
    ($name:ident, $check:ident) => {
        #[derive(Deserialize)]
        #[serde(try_from = "String")]
        pub(super) struct $name(Pattern);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let pattern = Pattern::new(&text);
                pattern.$check().map(|()| Self(pattern))
            }
        }

        impl From<$name> for Pattern {
            fn from(held: $name) -> Self {
                held.0
            }
        }
    };
}

held_to!(HostPattern, check_host);
held_to!(PlatformPattern, check_platform);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pattern = Self::new(&text);
        pattern.check().map(|()| pattern)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let Self(text) = self;
        if text.is_empty() {
            return Err("a pattern is blank".to_owned());
        }
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(format!("a pattern is over-long or holds control characters: {text:.40?}"));
        }
        Ok(())
    }

    /// Whether a host's name can be like that: a list, a regular expression or an address never fits one.
    pub(super) fn check_host(&self) -> Result<(), String> {
        self.check()?;
        let may_be = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '*' | '?');
        match self.0.chars().find(|c| !may_be(*c)) {
            None => Ok(()),
            Some(c) => Err(format!(
                "{:?} is no pattern of a host's name, which doesn't hold {c:?}: it has letters, digits, '-', '.' and '_', and \
                 '*' and '?' stand for others; each name is an entry of its own",
                self.0
            )),
        }
    }

    /// Whether there is such a system.
    pub(super) fn check_platform(&self) -> Result<(), String> {
        self.check()?;
        if PLATFORMS.iter().any(|platform| self.fits(platform)) {
            return Ok(());
        }
        Err(format!(
            "{:?} fits no system by the service's names, which are written without blanks, such as WindowsServer2022: {}",
            self.0,
            PLATFORMS.join(", ")
        ))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole text fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = text.to_lowercase().chars().collect();
        let pattern: Vec<char> = self.0.chars().collect();
        let (mut at, mut in_pattern) = (0, 0);
        // Where the last star stands, and how far it reached.
        let mut star: Option<(usize, usize)> = None;
        while let Some(c) = text.get(at) {
            match pattern.get(in_pattern) {
                Some('*') => {
                    star = Some((in_pattern, at));
                    in_pattern += 1;
                }
                Some(p) if *p == '?' || p == c => {
                    at += 1;
                    in_pattern += 1;
                }
                _ => {
                    let Some((place, reached)) = star else { return false };
                    star = Some((place, reached + 1));
                    at = reached + 1;
                    in_pattern = place + 1;
                }
            }
        }
        pattern.iter().skip(in_pattern).all(|p| *p == '*') && !pattern.is_empty()
    }

    /// A host by its full name, or by its first label.
    pub(super) fn fits_host(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.fits(name) || name.split_once('.').is_some_and(|(label, _)| self.fits(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, fits) in [
            ("dc1", "DC1", true),
            ("dc1", "dc10", false),
            ("dc*", "dc10", true),
            ("*", "", true),
            ("*", "anything", true),
            ("?", "", false),
            ("d?1", "dc1", true),
            ("*.corp.example", "ws-042.corp.example", true),
            ("*.corp.example", "corp.example", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXb", false),
            ("ÄRZTE*", "ärzte-01", true),
            ("", "", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_host_is_known_by_its_first_label_too() {
        for (pattern, name, fits) in [
            ("dc01", "dc01.corp.example", true),
            ("dc01", "DC01", true),
            ("dc01", "dc010.corp.example", false),
            ("dc01.corp.example", "dc01.corp.example.", true),
            ("corp", "dc01.corp.example", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits_host(name), fits, "{pattern} {name}");
        }
    }
}
