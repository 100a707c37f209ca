//! The check as a page for the tenant's administrator.

use std::fmt;

use super::{Check, Heading, Principal};

impl fmt::Display for Heading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AuthenticationFailed => "Authentication failed",
            Self::InsufficientPermissions => "Insufficient permissions",
            Self::WrongApiEndpoint => "Wrong API endpoint",
            Self::NoData => "No data",
            Self::PermissionScope => "Permission scope",
        })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "API       {}", self.base_url)?;
        writeln!(f, "audience  {}", self.audience)?;
        principal(f, if self.reader.is_some() { "writer" } else { "app" }, &self.writer)?;
        if let Some(reader) = &self.reader {
            principal(f, "reader", reader)?;
        }

        writeln!(f, "\n{:<28} submit  observe  reconcile", "operation")?;
        for access in &self.operations {
            let mark = |allowed: bool| if allowed { "yes" } else { "no" };
            let (submit, observe) = (mark(access.submit.is_ok()), mark(access.observe.is_ok()));
            let reconcile = mark(access.reconcile.is_ok());
            write!(f, "{:<28} {submit:<7} {observe:<8} {reconcile}", access.operation)?;
            let lacks = [("submit", access.submit), ("observe", access.observe)];
            for (what, roles) in lacks.iter().filter_map(|(what, a)| Some((what, a.err()?))) {
                write!(f, "\n{:<28}   to {what}: {}", "", roles.join(" or "))?;
            }
            writeln!(f)?;
        }

        if !self.excess_roles.is_empty() {
            writeln!(f, "\nMore than is needed: {}", self.excess_roles.join(", "))?;
        }
        if self.findings.is_empty() {
            return writeln!(f, "\nNothing stands in the way.");
        }
        for finding in &self.findings {
            writeln!(f, "\n{}\n  {}\n  → {}", finding.heading, finding.cause, finding.fix)?;
        }
        Ok(())
    }
}

fn principal(f: &mut fmt::Formatter<'_>, what: &str, principal: &Principal) -> fmt::Result {
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    writeln!(
        f,
        "{what:<9} {} in tenant {}",
        or_unknown(&principal.application),
        or_unknown(&principal.tenant)
    )?;
    if let Some(at) = principal.credential_expires {
        writeln!(f, "          its credential ends at {at}")?;
    }
    let Some(claims) = &principal.claims else { return Ok(()) };
    if let Some(at) = claims.expires {
        writeln!(f, "          its token ends at {at}")?;
    }
    if !claims.roles.is_empty() {
        writeln!(f, "          roles {}", claims.roles.join(", "))?;
    }
    Ok(())
}
