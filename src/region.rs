//! Where a tenant's data lives: the API's base, where to sign in, and for which audience.
//!
//! The three are separate settings. The audience follows the *cloud*, never the regional host: a token
//! asked for `api-eu.…` is refused by Entra (AADSTS500011).

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::error::{Error, Result};
use crate::transport::is_loopback;
use crate::types::{ParseError, printable};

/// How much stands behind a host or an audience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// Microsoft's own pages name it.
    Documented,
    /// Integrators publish it and connect by it; Microsoft's pages don't name it.
    IntegratorListed,
    /// Nobody's word but the caller's, or sources disagree.
    Unverified,
}

/// One row of the table of regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The API's base, without `/api`.
    pub base: &'static str,
    /// Where tokens are asked for.
    pub authority: &'static str,
    /// What tokens are asked for, without `/.default`.
    pub audience: &'static str,
    /// Another audience that public clients use for this cloud. It is never tried in silence.
    pub alternative_audience: Option<&'static str>,
    /// What stands behind the base.
    pub base_standing: Standing,
    /// What stands behind the audience.
    pub audience_standing: Standing,
}

macro_rules! regions {
    ($( $(#[$doc:meta])* $region:ident, $name:literal, $base:literal, $cloud:ident, $standing:ident, [$($alias:literal),*] $(, older [$($older:literal),*])?; )+) => {
        /// A region or cloud of Defender for Endpoint.
        ///
        /// Parses from the names people write (`eu`, `Europe`, `us-2`, `gcc-high`) and from known hosts.
        /// Every commercial host serves every commercial tenant; a regional one is nearer.
        ///
        /// ```
        /// # use defender_response::Region;
        /// assert_eq!("europe".parse::<Region>()?, Region::Europe);
        /// assert_eq!("https://api-gov.securitycenter.microsoft.us/api".parse::<Region>()?, Region::GccHigh);
        /// assert_eq!(Region::Europe.endpoint().audience, Region::Global.endpoint().audience);
        /// # Ok::<(), defender_response::ParseError>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Region { $( $(#[$doc])* $region, )+ }

        impl Region {
            /// All regions, in the order of the table.
            pub const ALL: &'static [Region] = &[$( Region::$region ),+];

            /// The region's name, as [`FromStr`] reads it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$region => $name, )+ }
            }

            /// The region's row: base, authority, audience, and what stands behind them.
            #[must_use]
            pub const fn endpoint(self) -> Endpoint {
                match self {
                    $( Self::$region => Endpoint {
                        base: concat!("https://", $base),
                        base_standing: Standing::$standing,
                        ..$cloud
                    }, )+
                }
            }

            fn by_host(host: &str) -> Option<Self> {
                $( if [$base $($(, $older)*)?].contains(&host) {
                    return Some(Self::$region);
                } )+
                None
            }

            fn by_name(name: &str) -> Option<Self> {
                $( if [$name, $($alias),*].iter().any(|known| squeezed(known) == name) {
                    return Some(Self::$region);
                } )+
                None
            }
        }
    };
}

const COMMERCIAL: Endpoint = Endpoint {
    base: "https://api.securitycenter.microsoft.com",
    authority: "https://login.microsoftonline.com",
    audience: "https://api.securitycenter.microsoft.com",
    alternative_audience: None,
    base_standing: Standing::Documented,
    audience_standing: Standing::Documented,
};

const GCC: Endpoint = Endpoint {
    alternative_audience: Some("https://api-gcc.securitycenter.microsoft.us"),
    audience_standing: Standing::Unverified,
    ..COMMERCIAL
};

const GOVERNMENT: Endpoint = Endpoint {
    authority: "https://login.microsoftonline.us",
    audience: "https://api-gov.securitycenter.microsoft.us",
    alternative_audience: Some("https://securitycenter.onmicrosoft.us/windowsatpservice"),
    audience_standing: Standing::Unverified,
    ..COMMERCIAL
};

regions! {
    /// The global host of the commercial cloud, which serves every commercial tenant.
    #[default]
    Global, "global", "api.securitycenter.microsoft.com", COMMERCIAL, Documented,
        ["commercial", "us", "usa", "united-states", "us-1", "worldwide"],
        older ["api.securitycenter.windows.com"];
    /// United States, second instance.
    UnitedStates2, "us-2", "api-us2.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed,
        ["united-states-2"];
    /// United States, third instance.
    UnitedStates3, "us-3", "api-us3.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed,
        ["united-states-3"];
    /// Europe.
    Europe, "eu", "api-eu.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed,
        ["europe", "european-union"], older ["api-eu.securitycenter.windows.com"];
    /// United Kingdom.
    UnitedKingdom, "uk", "api-uk.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed,
        ["united-kingdom", "gb", "great-britain"], older ["api-uk.securitycenter.windows.com"];
    /// Australia.
    Australia, "au", "api-au.securitycenter.microsoft.com", COMMERCIAL, IntegratorListed, ["australia"];
    /// US government: GCC. Its audience is disputed among public clients.
    Gcc, "gcc", "api-gcc.securitycenter.microsoft.us", GCC, Documented, ["us-gcc"];
    /// US government: GCC High, and DoD, which has the same host. Its audience is disputed among public clients.
    GccHigh, "gcc-high", "api-gov.securitycenter.microsoft.us", GOVERNMENT, Documented,
        ["gcch", "us-gcc-high", "gov", "us-gov", "dod"];
    /// The newer global host.
    Security, "security", "api.security.microsoft.com", COMMERCIAL, Documented, ["security-global"];
    /// United States, newer host.
    SecurityUs, "security-us", "us.api.security.microsoft.com", COMMERCIAL, Documented, [];
    /// Europe, newer host.
    SecurityEu, "security-eu", "eu.api.security.microsoft.com", COMMERCIAL, Documented, [];
    /// United Kingdom, newer host.
    SecurityUk, "security-uk", "uk.api.security.microsoft.com", COMMERCIAL, Documented, [];
    /// Australia, newer host.
    SecurityAu, "security-au", "au.api.security.microsoft.com", COMMERCIAL, Documented, [];
    /// The newer host `swa.`; the documentation doesn't spell the abbreviation out.
    SecuritySwa, "security-swa", "swa.api.security.microsoft.com", COMMERCIAL, Documented, ["swa"];
    /// The newer host `ina.`; the documentation doesn't spell the abbreviation out.
    SecurityIna, "security-ina", "ina.api.security.microsoft.com", COMMERCIAL, Documented, ["ina"];
}

impl Region {
    /// What integrators' tables call United States is the global host.
    #[allow(non_upper_case_globals)]
    pub const UnitedStates: Region = Region::Global;
}

/// Lower case, and without what people put between the parts of a name.
fn squeezed(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).flat_map(char::to_lowercase).collect()
}

impl FromStr for Region {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let name = text.trim().to_lowercase();
        let host = name.strip_prefix("https://").unwrap_or(&name).trim_end_matches('/');
        let host = host.strip_suffix("/api").unwrap_or(host);
        Self::by_host(host).or_else(|| Self::by_name(&squeezed(&name))).ok_or_else(|| {
            ParseError::new(
                text,
                "a region or a known host (the names are global, us-2, us-3, eu, uk, au, gcc, gcc-high, security, \
                 security-us, security-eu, security-uk, security-au, security-swa, security-ina)",
            )
        })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The base URL of an API or of a sign-in host, as people paste it: a trailing `/`, `/api` or `/api/` is
/// understood. Everything else that could send a token astray is refused.
pub(crate) fn parse_base(setting: &str, example: &str, text: &str) -> Result<Url> {
    let wrong = |what: &str| {
        Error::configuration(format!(
            "{setting}: {what}; expected https://HOST alone, such as {example}"
        ))
    };
    let text = text.trim();
    let mut url = Url::parse(text)
        .map_err(|e| wrong(&format!("{:?} is not a URL ({e})", without_credentials(text))))?;

    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("there are credentials in the URL"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(wrong("http would send the token in the clear")),
        other => return Err(wrong(&format!("{other:?} is not https"))),
    }
    // The URL standard reads `https:///x` and `https:x` as the host x; nobody means that.
    let after_scheme = text.get(url.scheme().len()..).unwrap_or_default();
    let named = after_scheme.strip_prefix("://").is_some_and(|rest| !rest.starts_with(['/', '\\']));
    if !named || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("the host is empty"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("there is a query or a fragment in the URL"));
    }
    if !matches!(url.path().to_ascii_lowercase().as_str(), "" | "/" | "/api" | "/api/") {
        return Err(wrong(&format!("{:?} is a path", printable(url.path(), 80))));
    }
    url.set_path("/");
    Ok(url)
}

/// A text that failed to parse may still hold a password before an `@`.
fn without_credentials(text: &str) -> String {
    let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let shown = shown.split(['?', '#']).next().unwrap_or_default();
    printable(shown, 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_for_an_unknown_region_lists_every_region() {
        let message = "atlantis".parse::<Region>().unwrap_err().to_string();
        let names: Vec<_> = Region::ALL.iter().map(|region| region.as_str()).collect();
        assert!(message.contains(&names.join(", ")), "{message}");
    }
}
