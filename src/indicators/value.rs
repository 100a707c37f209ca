//! What may stand in an indicator, by its type: the service's rules, checked before anything is sent.
//!
//! A value is brought into the one form the service takes (lower case, A-labels, all groups of an IPv6
//! address); what it stands for is never changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::error::{Error, Result};
use crate::model::{IndicatorAction, IndicatorType};
use crate::types::{is_visible, printable};

/// The service documents no limit on a URL's length; longer ones aren't URLs anybody visits.
const LONGEST_URL: usize = 4096;

/// The value as it goes over the wire.
pub(crate) fn wire_value(kind: &IndicatorType, value: &str) -> Result<String> {
    let value = value.trim();
    let wrong = |what: &str| {
        Error::invalid_input(format!(
            "{:?} can't be a {kind} indicator: {what}",
            printable(value, 120)
        ))
    };
    if value.is_empty() {
        return Err(wrong("it is empty"));
    }
    if value.chars().any(char::is_control) {
        return Err(wrong("it holds control characters"));
    }
    match kind {
        IndicatorType::FileMd5 => hex(value, 32),
        IndicatorType::FileSha1 | IndicatorType::CertificateThumbprint => hex(value, 40),
        IndicatorType::FileSha256 => hex(value, 64),
        IndicatorType::IpAddress => address(value),
        IndicatorType::DomainName => domain(value),
        IndicatorType::Url => url(value),
        IndicatorType::Unrecognized(_) => Err("its type can be read and not set".to_owned()),
    }
    .map_err(|what| wrong(&what))
}

/// Which action goes with which type, as the pages on indicators of 2025 have it.
pub(crate) fn check_action(kind: &IndicatorType, action: &IndicatorAction) -> Result<()> {
    use IndicatorAction::{Allowed, Audit, Block, BlockAndRemediate, Warn};
    let allowed: &[IndicatorAction] = match kind {
        IndicatorType::FileMd5 | IndicatorType::FileSha1 | IndicatorType::FileSha256 => {
            &[Allowed, Audit, Warn, Block, BlockAndRemediate]
        }
        IndicatorType::IpAddress | IndicatorType::DomainName | IndicatorType::Url => {
            &[Allowed, Audit, Warn, Block]
        }
        IndicatorType::CertificateThumbprint => &[Allowed, BlockAndRemediate],
        IndicatorType::Unrecognized(_) => &[],
    };
    if allowed.contains(action) {
        return Ok(());
    }
    let names: Vec<_> = allowed.iter().map(IndicatorAction::as_str).collect();
    Err(Error::invalid_input(format!(
        "{action} isn't an action for a {kind} indicator, which takes {}; any_action() sends it all the same",
        names.join(", ")
    )))
}

fn hex(value: &str, length: usize) -> Result<String, String> {
    if value.len() == length && value.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(value.to_ascii_lowercase());
    }
    Err(format!("it isn't {length} hexadecimal digits"))
}

fn address(value: &str) -> Result<String, String> {
    if value.contains('/') {
        return Err("networks aren't taken, only single addresses".to_owned());
    }
    let address: IpAddr = value.parse().map_err(|_| "it isn't an IP address".to_owned())?;
    let address = address.to_canonical();
    if !is_external(address) {
        return Err("it isn't an external address".to_owned());
    }
    Ok(wire_address(address))
}

/// An address as the service takes it: IPv6 with all groups.
pub(crate) fn wire_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => v6.segments().map(|s| format!("{s:04x}")).join(":"),
    }
}

/// Whether an address can be somebody's on the internet.
pub(crate) fn is_external(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_external_v4(v4),
        IpAddr::V6(v6) => is_external_v6(v6),
    }
}

fn is_external_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    // IETF protocols, AS112, AMT relays, 6to4 relays.
    let protocols =
        a == 192 && matches!((b, c), (0, 0) | (31, 196) | (52, 193) | (88, 99) | (175, 48));
    let benchmarks = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 240
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || protocols
        || benchmarks)
}

fn is_external_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, ..] = address.segments();
    let documentation = first == 0x2001 && second == 0x0db8 || first == 0x3fff && second < 0x1000;
    // 2001::/23 is kept for protocols: Teredo, benchmarks, identifiers. 2620:4f:8000::/48 is AS112.
    let protocols =
        first == 0x2001 && second < 0x0200 || (first, second, third) == (0x2620, 0x004f, 0x8000);
    // 6to4 is a way to the IPv4 address inside.
    let [a, b] = second.to_be_bytes();
    let [c, d] = third.to_be_bytes();
    let inside = first != 0x2002 || is_external_v4(Ipv4Addr::new(a, b, c, d));
    // Everything that is routed lies in 2000::/3.
    first & 0xe000 == 0x2000 && !documentation && !protocols && inside
}

/// A domain name in lower case and A-labels.
pub(crate) fn domain(value: &str) -> Result<String, String> {
    let name = value.strip_suffix('.').unwrap_or(value);
    if name.contains('*') {
        return Err("wildcards aren't taken; a domain covers its subdomains".to_owned());
    }
    // What would vanish or change on the way to A-labels is another name.
    if name.contains('%') || !name.chars().all(is_visible) {
        return Err("it holds characters that no domain name has".to_owned());
    }
    let ascii = match Host::parse(name) {
        Ok(Host::Domain(ascii)) => ascii,
        Ok(_) => return Err("it is an IP address".to_owned()),
        Err(_) => return Err("it isn't a domain name".to_owned()),
    };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !ascii.contains('.') || ascii.len() > 253 || !ascii.split('.').all(label) {
        return Err("it isn't a full domain name".to_owned());
    }
    if ascii.split('.').any(|label| label.starts_with('_')) {
        return Err("the service refuses a label with a leading underscore".to_owned());
    }
    Ok(ascii)
}

/// A URL byte for byte, if it can be an indicator.
pub(crate) fn url(value: &str) -> Result<String, String> {
    if value.len() > LONGEST_URL {
        return Err(format!("it is longer than {LONGEST_URL} bytes"));
    }
    if !value.chars().all(is_visible) || value.contains('\\') {
        return Err("it holds blanks, backslashes or characters nobody sees".to_owned());
    }
    if has_no_scheme(value) {
        // Feeds write `host/path`, and the service takes it.
        return url(&format!("http://{value}")).map(|_| value.to_owned());
    }
    let parsed = Url::parse(value).map_err(|_| "it isn't an absolute URL".to_owned())?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err("only http and https are taken".to_owned());
    }
    // The URL standard also reads `https:host` and `https:///host`; the service need not.
    let after = value.get(parsed.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
    if after.is_none_or(|rest| rest.starts_with('/')) {
        return Err("it isn't an absolute URL".to_owned());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("it holds credentials".to_owned());
    }
    if value.contains('*') {
        return Err("wildcards aren't taken".to_owned());
    }
    match parsed.host() {
        Some(Host::Domain(name)) if name.trim_end_matches('.').contains('.') => Ok(()),
        Some(Host::Ipv4(v4)) if is_external_v4(v4) => Ok(()),
        Some(Host::Ipv6(v6)) if is_external_v6(v6) => Ok(()),
        _ => Err("its host isn't external".to_owned()),
    }?;
    // Byte for byte as given: a re-written path or query is another URL.
    Ok(value.to_owned())
}

/// Whether a URL begins with its host, and goes on behind it: `evil.example/x`, `evil.example:8080`.
fn has_no_scheme(value: &str) -> bool {
    let Some(end) = value.find(['/', '?', '#', ':']) else { return false };
    let (host, rest) = value.split_at_checked(end).unwrap_or_default();
    let port =
        rest.strip_prefix(':').is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
    host.contains('.') && (port || !rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(kind: &IndicatorType, value: &str) -> Result<String, String> {
        wire_value(kind, value).map_err(|e| e.to_string())
    }

    #[test]
    fn values_are_brought_into_the_one_form() {
        for (kind, value, sent) in [
            (
                IndicatorType::FileMd5,
                "D41D8CD98F00B204E9800998ECF8427E",
                "d41d8cd98f00b204e9800998ecf8427e",
            ),
            (IndicatorType::IpAddress, " 1.1.1.1 ", "1.1.1.1"),
            (
                IndicatorType::IpAddress,
                "2606:4700::1111",
                "2606:4700:0000:0000:0000:0000:0000:1111",
            ),
            (IndicatorType::IpAddress, "::ffff:1.1.1.1", "1.1.1.1"),
            (IndicatorType::DomainName, "EVIL.Example.", "evil.example"),
            (IndicatorType::DomainName, "münchen.example", "xn--mnchen-3ya.example"),
            (IndicatorType::DomainName, "a_b.evil.example", "a_b.evil.example"),
            (IndicatorType::Url, "evil.example/A?b", "evil.example/A?b"),
            (IndicatorType::Url, "evil.example:8080", "evil.example:8080"),
            (IndicatorType::Url, "https://_x.evil.example./a", "https://_x.evil.example./a"),
            (
                IndicatorType::Url,
                "https://evil.example/A%2Fb?q=[1]&x='y'",
                "https://evil.example/A%2Fb?q=[1]&x='y'",
            ),
        ] {
            assert_eq!(wire(&kind, value).as_deref(), Ok(sent), "{value}");
        }
    }

    #[test]
    fn values_the_service_would_refuse_are_refused_with_the_reason() {
        use IndicatorType::{
            CertificateThumbprint, DomainName, FileMd5, FileSha1, FileSha256, IpAddress, Url,
        };
        for (kind, value, part) in [
            (FileMd5, "", "empty"),
            (FileMd5, "d41d8cd98f00b204e9800998ecf8427", "32 hex"),
            (FileSha1, "d41d8cd98f00b204e9800998ecf8427e", "40 hex"),
            (FileSha256, "xyz", "64 hex"),
            (CertificateThumbprint, "d4 1d", "40 hex"),
            (IpAddress, "10.1.2.3", "external"),
            (IpAddress, "127.0.0.1", "external"),
            (IpAddress, "100.64.0.1", "external"),
            (IpAddress, "192.0.2.7", "external"),
            (IpAddress, "192.88.99.1", "external"),
            (IpAddress, "192.31.196.1", "external"),
            (IpAddress, "2001:2::1", "external"),
            (IpAddress, "2002:0a00:0001::1", "external"),
            (IpAddress, "2620:4f:8000::1", "external"),
            (IpAddress, "fe80::1", "external"),
            (IpAddress, "fd00::1", "external"),
            (IpAddress, "::1", "external"),
            (IpAddress, "2001:db8::1", "external"),
            (IpAddress, "::ffff:10.0.0.1", "external"),
            (IpAddress, "1.1.1.0/24", "networks"),
            (IpAddress, "01.1.1.1", "isn't an IP"),
            (IpAddress, "1.1.1.1\0", "control"),
            (DomainName, "*.evil.example", "wildcards"),
            (DomainName, "localhost", "full domain"),
            (DomainName, "_dmarc.evil.example", "underscore"),
            (DomainName, "1.1.1.1", "IP address"),
            (DomainName, "evil..example", "domain name"),
            (DomainName, "evil.example/x", "domain name"),
            (DomainName, "ex%61mple.com", "no domain name has"),
            (DomainName, "evil.exa\u{ad}mple", "no domain name has"),
            (DomainName, "-a.example", "full domain"),
            (DomainName, "a-.example", "full domain"),
            (DomainName, "x._y.example", "underscore"),
            (Url, "evil.example", "absolute URL"),
            (Url, "localhost/x", "absolute URL"),
            (Url, "10.0.0.1/x", "external"),
            (Url, "evil.example:x/y", "http"),
            (Url, "ftp://evil.example/x", "http"),
            (Url, "https://*.evil.example/", "wildcards"),
            (Url, "https://evil.example/a b", "blanks"),
            (Url, "https://10.0.0.1/x", "external"),
            (Url, "https://localhost/x", "external"),
            (Url, "https://evil.example/*", "wildcards"),
            (Url, "https:evil.example", "absolute URL"),
            (Url, "https:///evil.example/x", "absolute URL"),
            (Url, "https:\\\\evil.example\\x", "backslashes"),
            (Url, "https://user:pw@evil.example/", "credentials"),
            (Url, "https://evil.example/\u{202e}x", "nobody sees"),
        ] {
            let refused = wire(&kind, value);
            assert!(
                refused.as_ref().is_err_and(|e| e.contains(part)),
                "{kind} {value}: {refused:?}"
            );
        }
    }
}
