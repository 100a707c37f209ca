//! What roles allow, operation by operation.

use super::is_read;
use crate::auth::TokenClaims;
use crate::catalog::OPERATIONS;
use crate::operation::Spec;

/// What the client may do with one operation. Where it may not, the roles of which any one would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// The operation's name.
    pub operation: &'static str,
    /// Sending it.
    pub submit: Result<(), &'static [&'static str]>,
    /// Reading back what became of it.
    pub observe: Result<(), &'static [&'static str]>,
    /// Settling what became of it when its answer was lost.
    pub reconcile: Result<(), &'static [&'static str]>,
}

impl Access {
    pub(super) fn of(
        spec: &'static Spec,
        writes: Option<&TokenClaims>,
        reads: Option<&TokenClaims>,
    ) -> Self {
        let by = if is_read(spec.safety) { reads } else { writes };
        let (observed_by, reconciled_by) = readers_of(spec);
        let read = |name: &str| match OPERATIONS.iter().find(|other| other.name == name) {
            Some(other) => allowed(other.roles, reads),
            None => Ok(()),
        };
        Self {
            operation: spec.name,
            submit: allowed(spec.roles, by),
            observe: read(observed_by),
            reconcile: read(reconciled_by),
        }
    }
}

/// The reads that show what became of an operation, and that settle it. A read shows itself.
fn readers_of(spec: &Spec) -> (&'static str, &'static str) {
    if is_read(spec.safety) {
        return (spec.name, spec.name);
    }
    match spec.name {
        "update_alert" | "batch_update_alerts" => ("get_alert", "get_alert"),
        name if name.contains("indicator") => ("get_indicator", "list_indicators"),
        _ => ("get_machine_action", "list_machine_actions"),
    }
}

fn allowed(
    roles: &'static [&'static str],
    claims: Option<&TokenClaims>,
) -> Result<(), &'static [&'static str]> {
    let Some(claims) = claims else { return Err(roles) };
    let has_role =
        claims.roles.iter().any(|held| roles.iter().any(|role| role.eq_ignore_ascii_case(held)));
    // Delegated permissions lack the `.All` of the application's.
    let has_scope = claims.scopes.iter().any(|held| {
        roles
            .iter()
            .any(|role| role.strip_suffix(".All").unwrap_or(role).eq_ignore_ascii_case(held))
    });
    if has_role || has_scope { Ok(()) } else { Err(roles) }
}

/// Roles that no operation needs, or that allow more than one needs; those that can do most harm first.
pub(super) fn excess<'a>(tokens: impl Iterator<Item = &'a TokenClaims>) -> Vec<String> {
    const GRAVE: [&str; 2] = ["Machine.Offboard", "Ti.ReadWrite.All"];
    const BROAD: [&str; 2] = ["Ti.ReadWrite.All", "Machine.ReadWrite.All"];
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    // Any role of an action allows its cancellation, so cancelling needs none of its own.
    let needed = OPERATIONS.iter().filter(|spec| spec.name != "cancel_machine_action");
    let needed: Vec<_> = needed.flat_map(|spec| spec.roles).collect();
    let is_excess = |role: &&String| {
        BROAD.iter().any(|broad| same(broad, role)) || !needed.iter().any(|need| same(need, role))
    };
    let mut excess: Vec<String> =
        tokens.flat_map(|claims| &claims.roles).filter(is_excess).cloned().collect();
    let rank = |role: &str| GRAVE.iter().position(|g| same(g, role)).unwrap_or(GRAVE.len());
    excess.sort_by_key(|role| (rank(role), role.to_ascii_lowercase()));
    excess.dedup();
    excess
}
