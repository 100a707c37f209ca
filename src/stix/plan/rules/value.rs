//! Values: brought into the form the service takes, and never made to stand for anything else.

use std::borrow::Cow;
use std::net::IpAddr;

use super::{Policy, Value};
use crate::indicators::value::{domain as slow_domain, is_external, url as slow_url, wire_address};
use crate::model::IndicatorType;
use crate::stix::plan::note::{Note, Notes};
use crate::stix::plan::skip::{Skip, SkipReason};
use crate::types::{is_visible, trimmed};

type Read<T> = Result<T, Skip>;

fn invalid(what: &str, value: &str) -> Skip {
    Skip::new(SkipReason::InvalidValue, format!("{what}: {value}"))
}

/// Writes as it is meant what was defanged in the known ways, and nothing else.
fn refang(text: &str) -> (Cow<'_, str>, bool) {
    if !text.bytes().any(|b| matches!(b, b'[' | b'(')) {
        return (Cow::Borrowed(text), false);
    }
    let mended = text.replace("[.]", ".").replace("(.)", ".").replace("[:]", ":");
    let changed = mended.len() != text.len();
    (Cow::Owned(mended), changed)
}

/// A hash of so many hexadecimal digits, in lower case.
pub(super) fn hash(text: &str, digits: usize) -> Read<String> {
    let text = trimmed(text);
    // Without a way out in between, several are looked at at once.
    let all = || text.bytes().fold(true, |all, b| all & b.is_ascii_hexdigit());
    if text.len() == digits && all() {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Skip::new(SkipReason::InvalidValue, format!("not {digits} hexadecimal digits: {text}")))
}

/// An address, or the addresses of a small network if that was asked for. `v4` is what its object's type says.
pub(super) fn addresses(text: &str, v4: Option<bool>, policy: &Policy) -> Read<Vec<Value>> {
    let (text, refanged) = refang(trimmed(text));
    let notes = Notes::NONE.with_if(refanged, Note::Refanged);
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (&*text, None),
    };
    let parsed: IpAddr = address.parse().map_err(|_| invalid("not an IP address", &text))?;
    let notes = notes.with_if(v4.is_some_and(|v4| v4 != parsed.is_ipv4()), Note::OtherFamily);
    let Some(prefix) = prefix else {
        return Ok(vec![address_value(parsed, notes.with(Note::OutboundOnly))?]);
    };
    let bits: u32 = if parsed.is_ipv4() { 32 } else { 128 };
    let digits = prefix.bytes().all(|b| b.is_ascii_digit());
    let length = prefix.parse::<u32>().ok().filter(|length| digits && *length <= bits);
    let Some(length) = length else { return Err(invalid("not a network", &text)) };
    if length == bits {
        let notes = notes.with(Note::OutboundOnly).with(Note::SingleAddress);
        return Ok(vec![address_value(parsed, notes)?]);
    }
    let hosts = 1_u32.checked_shl(bits - length).filter(|_| bits - length <= 4).unwrap_or(u32::MAX);
    if hosts > u32::from(policy.options.expand_networks.min(16)) {
        return Err(Skip::new(SkipReason::Cidr, &*text));
    }
    let notes = notes.with(Note::OutboundOnly).with(Note::NetworkExpanded);
    let host = |n: u32| match parsed {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & !(hosts - 1) | n).into()),
        IpAddr::V6(v6) => {
            IpAddr::V6((v6.to_bits() & !u128::from(hosts - 1) | u128::from(n)).into())
        }
    };
    (0..hosts).map(|n| address_value(host(n), notes)).collect()
}

fn address_value(address: IpAddr, notes: Notes) -> Read<Value> {
    let address = address.to_canonical();
    if !is_external(address) {
        return Err(Skip::new(SkipReason::NotExternal, address.to_string()));
    }
    Ok(Value { kind: IndicatorType::IpAddress, value: wire_address(address), notes })
}

/// A domain name; one that is an address becomes that.
pub(super) fn domain(text: &str) -> Read<Value> {
    let (name, refanged) = refang(trimmed(text));
    let name = name.strip_suffix('.').unwrap_or(&name);
    if name.ends_with('.') {
        return Err(invalid("not a domain, it ends with several dots", name));
    }
    let notes = Notes::NONE.with_if(refanged, Note::Refanged);
    if let Ok(address) = name.parse::<IpAddr>() {
        return address_value(address, notes.with(Note::AddressAsDomain).with(Note::OutboundOnly));
    }
    let value = ascii_domain(name)
        .map_or_else(|| slow_domain(name), Ok)
        .map_err(|what| invalid(&format!("not a domain, {what}"), name))?;
    Ok(Value { kind: IndicatorType::DomainName, value, notes: notes.with(Note::CoversSubdomains) })
}

/// What by far most names are. `None` is no verdict.
fn ascii_domain(name: &str) -> Option<String> {
    let mut dots = 0;
    let mut label = 0;
    let mut letters = false;
    let mut before = b'.';
    for byte in name.bytes() {
        match byte {
            b'.' => {
                if label == 0 || before == b'-' {
                    return None;
                }
                dots += 1;
                label = 0;
                letters = false;
            }
            b'-' | b'_' if label == 0 => return None,
            // A-labels are checked by those who know how.
            b'-' if label == 3 && before == b'-' => return None,
            b'-' | b'_' | b'0'..=b'9' => label += 1,
            b'a'..=b'z' | b'A'..=b'Z' => {
                label += 1;
                letters = true;
            }
            _ => return None,
        }
        if label > 63 {
            return None;
        }
        before = byte;
    }
    let last = name.get(name.len() - label..)?;
    let number = last.starts_with("0x") || last.starts_with("0X") || !letters;
    let fine = dots > 0 && label > 0 && before != b'-' && !number && name.len() <= 253;
    fine.then(|| name.to_ascii_lowercase())
}

/// A URL; one without a scheme that is only a host becomes that host.
pub(super) fn url(text: &str, policy: &Policy) -> Read<Value> {
    let text = trimmed(text);
    if text.is_empty() || text.contains('\\') || !text.chars().all(is_visible) {
        return Err(invalid("a URL with blanks, backslashes or characters nobody sees", text));
    }
    if text.parse::<IpAddr>().is_ok() {
        return bare_host(text, Note::UrlWithoutScheme.into(), policy);
    }
    let (scheme, rest, mut notes) = scheme(text)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(invalid("a URL with credentials", text));
    }
    let (authority, refanged) = refang(authority);
    if refanged {
        notes = notes.with(Note::Refanged);
    }
    if notes.contains(Note::Refanged) && (path.contains("[.]") || path.contains("(.)")) {
        return Err(invalid("a URL that is defanged behind its host", text));
    }
    let (path, fragment) = match path.split_once('#') {
        Some((path, _)) => (path, true),
        None => (path, false),
    };
    notes = notes.with_if(fragment, Note::FragmentDropped);
    let (host, port) = split_port(&authority);
    let Some(scheme) = scheme else {
        let mended = notes.with(Note::UrlWithoutScheme);
        if matches!(path, "" | "/") && port.is_empty() {
            return bare_host(host, mended, policy);
        }
        let host = url_host(host, text)?;
        return finish("", &host, port, path, mended, policy);
    };
    let host = url_host(host, text)?;
    finish(scheme, &host, port, path, notes, policy)
}

/// `http` or `https`, if there is a scheme, and what follows it.
fn scheme(text: &str) -> Read<(Option<&'static str>, &str, Notes)> {
    let other = || Skip::new(SkipReason::UrlScheme, text);
    for (divider, notes) in [("://", Notes::NONE), ("[:]//", Note::Refanged.into())] {
        let Some((scheme, rest)) = text.split_once(divider) else { continue };
        if scheme.contains(['/', '?', '#', '.']) {
            continue;
        }
        return match scheme.to_ascii_lowercase().as_str() {
            "http" => Ok((Some("http://"), rest, notes)),
            "https" => Ok((Some("https://"), rest, notes)),
            "hxxp" => Ok((Some("http://"), rest, Note::Refanged.into())),
            "hxxps" => Ok((Some("https://"), rest, Note::Refanged.into())),
            _ => Err(other()),
        };
    }
    match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains(['.', '/', '[', '(']) => {
            let port = rest.starts_with(|c: char| c.is_ascii_digit());
            if port { Ok((None, text, Notes::NONE)) } else { Err(other()) }
        }
        _ => Ok((None, text, Notes::NONE)),
    }
}

/// The host, and the port with its colon.
fn split_port(authority: &str) -> (&str, &str) {
    let from = authority.rfind(']').unwrap_or(0);
    match authority.get(from..).and_then(|tail| tail.rfind(':')) {
        // An address without brackets has no port.
        Some(_) if from == 0 && authority.matches(':').count() > 1 => (authority, ""),
        Some(at) => authority.split_at_checked(from + at).unwrap_or((authority, "")),
        None => (authority, ""),
    }
}

fn bare_host(host: &str, notes: Notes, policy: &Policy) -> Read<Value> {
    let value = domain(host)?;
    let address = value.kind == IndicatorType::IpAddress;
    if !address && policy.options.without_root_urls {
        return Err(Skip::new(SkipReason::RootUrl, host));
    }
    let drop = |note: &Note| !matches!(note, Note::AddressAsDomain);
    let kept = value.notes.iter().filter(drop).fold(notes, Notes::with);
    Ok(Value { notes: kept.with_if(!address, Note::WholeHost), ..value })
}

/// Whether what follows a URL's host leads to the host's root, however it is spelt: `/`, `//`, `/?`, `/a/..`, `/%2e`.
pub(in crate::stix::plan) fn is_root(path: &str) -> bool {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if !query.is_empty() {
        return false;
    }
    if path.bytes().all(|b| b == b'/') {
        return true;
    }
    let dots = |segment: &str| {
        segment.starts_with('.') || segment.get(..3).is_some_and(|s| s.eq_ignore_ascii_case("%2e"))
    };
    path.split('/').any(dots)
        && url::Url::parse(&format!("http://h{path}"))
            .is_ok_and(|url| url.path().bytes().all(|b| b == b'/'))
}

/// The host of a URL.
struct Host {
    name: String,
    /// Whether it is a domain that needs no second look.
    ascii: bool,
}

impl From<String> for Host {
    fn from(name: String) -> Self {
        Self { name, ascii: false }
    }
}

/// The host of a URL: an address as it stands, a name in lower case and A-labels.
fn url_host(host: &str, url: &str) -> Read<Host> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse::<IpAddr>() {
        if !is_external(address.to_canonical()) {
            return Err(Skip::new(SkipReason::NotExternal, url));
        }
        return match (address, bare) {
            (IpAddr::V4(_), None) | (IpAddr::V6(_), Some(_)) => {
                Ok(host.to_ascii_lowercase().into())
            }
            _ => Err(invalid("a URL whose host isn't one", url)),
        };
    }
    let (name, dot) = match host.strip_suffix('.') {
        Some(name) => (name, "."),
        None => (host, ""),
    };
    if name.ends_with('.') {
        return Err(invalid("a URL whose host isn't one", url));
    }
    if let Some(mut name) = ascii_domain(name) {
        name.push_str(dot);
        return Ok(Host { name, ascii: dot.is_empty() });
    }
    if host.is_ascii() && !host.bytes().any(|b| matches!(b, b'%' | b'*' | b'+')) {
        return Ok(host.to_ascii_lowercase().into());
    }
    let name = slow_domain(name).map_err(|_| invalid("a URL whose host isn't one", url))?;
    Ok((name + dot).into())
}

fn finish(
    scheme: &str,
    host: &Host,
    port: &str,
    path: &str,
    notes: Notes,
    policy: &Policy,
) -> Read<Value> {
    let mut value = String::with_capacity(scheme.len() + host.name.len() + port.len() + path.len());
    for part in [scheme, &host.name, port, path] {
        value.push_str(part);
    }
    if value.len() > policy.options.longest_url {
        return Err(Skip::new(SkipReason::TooLong, value));
    }
    let root = is_root(path);
    if root && policy.options.without_root_urls {
        return Err(Skip::new(SkipReason::RootUrl, value));
    }
    let plain = port.is_empty()
        && !scheme.is_empty()
        && host.ascii
        && value.len() <= 4096
        && path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'*'));
    if !plain {
        value = slow_url(&value).map_err(|what| invalid(&format!("not a URL, {what}"), &value))?;
        let absolute = if scheme.is_empty() { "http://" } else { "" };
        if let Ok(parsed) = url::Url::parse(&format!("{absolute}{value}"))
            && matches!(parsed.host(), Some(url::Host::Ipv4(_)))
            && parsed.host_str() != Some(&host.name)
        {
            // `0x7f.1` and `017.0.0.1` are other addresses to other readers.
            return Err(invalid("a URL whose address is written in another way", &value));
        }
    }
    let notes = notes.with_if(root, Note::WholeHost);
    Ok(Value { kind: IndicatorType::Url, value, notes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::indicators::NewIndicator;
    use crate::model::IndicatorAction;

    fn wire(kind: IndicatorType, value: &str) -> Option<String> {
        NewIndicator::new(kind, value, IndicatorAction::Block, "t", "d").wire_value().ok()
    }

    proptest! {
        #[test]
        fn the_short_way_to_a_domain_says_what_the_long_one_does(
            name in "([a-zA-Z0-9_-]{1,8}|xn--[a-z0-9]{1,5}|0x[0-9a-f]{0,2}|[0-9]{1,3}){1,2}(\\.([a-zA-Z0-9_-]{1,6}|[0-9]{1,3}|xn--p1ai|0x[0-9a-f]?)){0,4}"
        ) {
            if let Some(short) = ascii_domain(&name) {
                prop_assert_eq!(Some(short), wire(IndicatorType::DomainName, &name));
            }
        }

        #[test]
        fn no_value_is_planned_that_the_indicator_refuses_or_changes(
            text in "(http://|https://|hxxp://|HTTP://|ftp://|)([a-zA-Z0-9.:_%+*@-]{1,12}|[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[2606::[0-9a-f]{1,3}\\])(\\.(com|example|[0-9]{1,2}))?(:[0-9]{0,5})?(/[ -~é]{0,9})?"
        ) {
            let policy = Policy::for_tests();
            for value in [url(&text, &policy), domain(&text)].into_iter().flatten() {
                prop_assert_eq!(Some(value.value.clone()), wire(value.kind.clone(), &value.value), "{}", text);
            }
        }
    }
}
