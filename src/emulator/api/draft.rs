//! What an indicator has to be to be accepted (pages ti-indicator, indicator-ip-domain, indicator-file,
//! indicator-certificates).

use std::net::IpAddr;

use serde_json::Value;

use super::body::Body;
use crate::emulator::answer::Refusal;
use crate::emulator::moment::read_time;
use crate::emulator::switches::Verdict;
use crate::emulator::world::{Draft, Scene, Tenant};

const TYPES: &[&str] = &[
    "FileSha1",
    "FileSha256",
    "FileMd5",
    "CertificateThumbprint",
    "IpAddress",
    "DomainName",
    "Url",
];
const ACTIONS: &[&str] =
    &["Allowed", "Audit", "Warn", "Block", "BlockAndRemediate", "Alert", "AlertAndBlock"];
const SEVERITIES: &[&str] = &["Informational", "Low", "Medium", "High"];

/// Reads one indicator, checked as far as it can be without looking at the others.
pub(super) fn read_draft(
    body: Body<'_>,
    tenant: &Tenant,
    scene: &Scene<'_>,
) -> Result<Draft, Refusal> {
    let text = |name| body.text(name).map(|t| t.map(str::to_owned));
    let word = |name, words| body.word(name, words)?.ok_or_else(|| Refusal::missing(name));
    let value = body.text("indicatorValue")?.unwrap_or_default();
    if value.trim().is_empty() {
        return Err(invalid("Recieved an empty indicator value."));
    }
    let draft = Draft {
        value: value.to_owned(),
        kind: word("indicatorType", TYPES)?,
        action: word("action", ACTIONS)?,
        title: body.needed_text("title")?.to_owned(),
        description: body.needed_text("description")?.to_owned(),
        severity: body.word("severity", SEVERITIES)?,
        application: text("application")?,
        recommended_actions: text("recommendedActions")?,
        educate_url: text("educateUrl")?,
        expires: match body.text("expirationTime")? {
            None => None,
            Some(time) => Some(read_time(time).ok_or_else(Refusal::body)?),
        },
        generate_alert: match body.get("generateAlert")? {
            None => false,
            Some(flag) => flag.as_bool().ok_or_else(Refusal::body)?,
        },
        groups: read_groups(body, tenant)?,
    };
    check_value(draft.kind, &draft.value)?;
    check_action(&draft, scene)?;
    check_lengths(&draft, scene)?;
    let past = draft.expires.is_some_and(|end| end <= scene.now.wall);
    if past && scene.switches.expired_indicator == Verdict::Refused {
        return Err(invalid("The expiration time is in the past"));
    }
    Ok(draft)
}

/// The page says a text with commas, its example and all clients send an array.
fn read_groups(body: Body<'_>, tenant: &Tenant) -> Result<Vec<String>, Refusal> {
    let names = match body.get("rbacGroupNames")? {
        Some(Value::String(names)) => {
            names.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect()
        }
        _ => body.texts("rbacGroupNames")?.unwrap_or_default(),
    };
    let known = |name: &String| {
        tenant.machines.iter().any(|m| m.record.rbac_group_name.as_ref() == Some(name))
    };
    match names.iter().find(|name| !known(name)) {
        Some(odd) => Err(invalid(format!("Device group '{odd}' was not found"))),
        None => Ok(names),
    }
}

fn check_value(kind: &str, value: &str) -> Result<(), Refusal> {
    let hash = |length| value.len() == length && value.bytes().all(|b| b.is_ascii_hexdigit());
    let (good, code, what) = match kind {
        "FileSha1" | "CertificateThumbprint" => (hash(40), "InvalidHashValue", "hash"),
        "FileSha256" => (hash(64), "InvalidHashValue", "hash"),
        "FileMd5" => (hash(32), "InvalidHashValue", "hash"),
        "IpAddress" => (is_external_address(value), "InvalidIpAddress", "IP address"),
        "DomainName" => (is_domain(value), "InvalidDomainName", "domain name"),
        _ => (is_url(value), "InvalidUrl", "URL"),
    };
    if good {
        Ok(())
    } else {
        Err(Refusal::bad(code, format!("The {what} '{value}' is not valid")))
    }
}

/// One address, no range; IPv6 with all eight groups written out.
fn is_external_address(value: &str) -> bool {
    match value.parse() {
        Ok(IpAddr::V4(ip)) => {
            let inner = ip.is_private() || ip.is_loopback() || ip.is_link_local();
            !(inner || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast())
        }
        Ok(IpAddr::V6(ip)) => {
            let inner = ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local();
            value.split(':').count() == 8
                && !value.contains("::")
                && !(inner || ip.is_unspecified() || ip.is_multicast())
        }
        Err(_) => false,
    }
}

/// No wildcard, no label that begins with an underscore, at least two labels.
fn is_domain(value: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with(['-', '_'])
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let numeric = value.parse::<IpAddr>().is_ok();
    value.len() <= 253 && value.contains('.') && !numeric && value.split('.').all(label)
}

fn is_url(value: &str) -> bool {
    if value.contains('*') || value.contains(char::is_whitespace) {
        return false;
    }
    let whole = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    url::Url::parse(&whole)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "ftp") && url.has_host())
}

fn check_action(draft: &Draft, scene: &Scene<'_>) -> Result<(), Refusal> {
    let switches = scene.switches;
    let refused = |verdict| verdict == Verdict::Refused;
    let network = matches!(draft.kind, "IpAddress" | "DomainName" | "Url");
    let bad = match draft.action {
        "Alert" | "AlertAndBlock" => refused(switches.legacy_actions),
        "BlockAndRemediate" => network && refused(switches.network_block_and_remediate),
        "Block" if draft.kind == "CertificateThumbprint" => refused(switches.certificate_block),
        "Audit" | "Warn" => draft.kind == "CertificateThumbprint",
        _ => false,
    };
    if bad {
        let message =
            format!("Action '{}' is not supported for type '{}'", draft.action, draft.kind);
        return Err(invalid(message));
    }
    if draft.kind == "FileMd5" && refused(switches.file_md5) {
        return Err(invalid("Indicators of type 'FileMd5' are not supported"));
    }
    if draft.action == "Audit" && !draft.generate_alert {
        return Err(invalid("Generate alert must be true for action 'Audit'"));
    }
    Ok(())
}

/// No page names a limit for any of these texts.
fn check_lengths(draft: &Draft, scene: &Scene<'_>) -> Result<(), Refusal> {
    let switches = scene.switches;
    let url = if draft.kind == "Url" { draft.value.as_str() } else { "" };
    for (name, text, limit) in [
        ("title", draft.title.as_str(), switches.title_limit),
        ("description", draft.description.as_str(), switches.description_limit),
        ("indicatorValue", url, switches.url_limit),
    ] {
        if limit != 0 && text.chars().nth(limit).is_some() {
            return Err(invalid(format!("'{name}' is longer than {limit} characters")));
        }
    }
    Ok(())
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::bad("InvalidInput", message)
}
