//! What is done to each machine.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actions::{Comment, Submitted};
use crate::error::Result;
use crate::guard::{About, Act};
use crate::machines::{
    Isolate, IsolationType, MachineHandle, RestrictCodeExecution, RunAntiVirusScan, ScanType,
    Unisolate, UnrestrictCodeExecution,
};
use crate::model::Machine;
use crate::operation::{Operation, Spec};

/// What is done to each machine of a fan-out.
///
/// ```
/// use defender_response::{IsolationType, Verb};
/// assert_eq!(serde_json::to_string(&Verb::Isolate(IsolationType::Full))?, r#"{"isolate":"Full"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verb {
    /// [`MachineHandle::isolate`].
    Isolate(#[serde(with = "isolation_type")] IsolationType),
    /// [`MachineHandle::unisolate`].
    Unisolate,
    /// [`MachineHandle::scan`].
    Scan(#[serde(with = "scan_type")] ScanType),
    /// [`MachineHandle::restrict_code_execution`].
    RestrictCodeExecution,
    /// [`MachineHandle::unrestrict_code_execution`].
    UnrestrictCodeExecution,
}

impl Verb {
    /// The operation that is submitted.
    pub(super) fn spec(self) -> &'static Spec {
        match self {
            Self::Isolate(_) => Isolate::SPEC,
            Self::Unisolate => Unisolate::SPEC,
            Self::Scan(_) => RunAntiVirusScan::SPEC,
            Self::RestrictCodeExecution => RestrictCodeExecution::SPEC,
            Self::UnrestrictCodeExecution => UnrestrictCodeExecution::SPEC,
        }
    }

    pub(super) fn act_on(self, machine: &Machine) -> Act<'_> {
        let contains = self == Self::Isolate(IsolationType::ContainUnmanaged);
        Act { operation: self.spec().name, about: About::Machine(machine), contains }
    }

    pub(super) async fn submit(self, host: MachineHandle, comment: Comment) -> Result<Submitted> {
        match self {
            Self::Isolate(kind) => host.isolate(kind, comment).await,
            Self::Unisolate => host.unisolate(comment).await,
            Self::Scan(kind) => host.scan(kind, comment).await,
            Self::RestrictCodeExecution => host.restrict_code_execution(comment).await,
            Self::UnrestrictCodeExecution => host.unrestrict_code_execution(comment).await,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isolate(kind) => write!(f, "isolate ({})", kind.as_str()),
            Self::Scan(kind) => write!(f, "scan ({})", kind.as_str()),
            other => f.write_str(other.spec().name),
        }
    }
}

/// Values by their names on the wire.
macro_rules! by_name {
    ($module:ident, $kind:ident, [$($value:ident),+]) => {
        mod $module {
            use serde::{Deserialize, Deserializer, Serializer};

            use super::$kind;

            #[allow(clippy::trivially_copy_pass_by_ref)] // serde's own form
            pub(super) fn serialize<S: Serializer>(value: &$kind, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(value.as_str())
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<$kind, D::Error> {
                let name = String::deserialize(d)?;
                [$($kind::$value),+]
                    .into_iter()
                    .find(|value| value.as_str() == name)
                    .ok_or_else(|| serde::de::Error::custom(format!("there is no type {name:?}")))
            }
        }
    };
}

by_name!(isolation_type, IsolationType, [Full, Selective, ContainUnmanaged]);
by_name!(scan_type, ScanType, [Quick, Full]);
