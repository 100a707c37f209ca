//! Faults by rule: what goes wrong with the next so many requests of an operation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::operation::Operation;

/// What goes wrong with a request.
///
/// In JSON the plain ones are their names in snake case, the others objects such as
/// `{"status":503,"retry_after":2,"after_effect":true}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// One that needs no figures.
    Plain(PlainFault),
    /// An answer with a status of its own.
    Status(StatusFault),
    /// An error of the token endpoint, by its number.
    Aadsts {
        /// Such as 7000215.
        aadsts: u32,
    },
    /// The answer comes late.
    Delay {
        /// By so many seconds.
        delay: f64,
    },
    /// A redirect to this URL, without effect.
    RedirectTo {
        /// Where to.
        redirect: String,
    },
}

/// The faults that need no figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlainFault {
    /// No connection comes about; on the socket front a reset without effect.
    Refused,
    /// The connection breaks before the service does anything.
    ResetBeforeEffect,
    /// The service does what was asked, and the connection breaks before it answers.
    ResetAfterEffect,
    /// No answer and no effect.
    HangBeforeEffect,
    /// The effect and no answer.
    HangAfterEffect,
    /// The effect, and half of the answer's body.
    HalfBody,
    /// The effect, and the answer's body one byte a second.
    SlowDrip,
    /// A page of some proxy with status 200, without effect.
    #[serde(rename = "html_200")]
    Html200,
    /// The effect, and an answer of 64 MiB.
    OversizedBody,
    /// A redirect to another host, without effect.
    Redirect,
    /// A running action of the same kind is returned; if there is none, an analyst was a moment earlier.
    DuplicateReturnsPending,
    /// 400 `ActiveRequestAlreadyExists`; if no action of the kind runs, an analyst was a moment earlier.
    DuplicateRefused,
    /// The action is accepted and stays pending until the host is released, and then fires.
    StuckDuplicate,
}

/// An answer with a status of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StatusFault {
    /// The status.
    pub status: u16,
    /// The `Retry-After` header: seconds, or an HTTP date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<RetryAfter>,
    /// Whether the service has done what was asked.
    #[serde(default)]
    pub after_effect: bool,
    /// The body; an error in the service's form unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body is HTML, as a proxy's is.
    #[serde(default)]
    pub html: bool,
    /// Other headers, such as `WWW-Authenticate` with a claims challenge.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// A `Retry-After` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u64),
    /// Any text, such as an HTTP date.
    Text(String),
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => seconds.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl StatusFault {
    /// This status, without effect, with an error in the service's form.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            retry_after: None,
            after_effect: false,
            body: None,
            html: false,
            headers: BTreeMap::new(),
        }
    }

    /// With a `Retry-After` of so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(RetryAfter::Seconds(seconds));
        self
    }

    /// After the service has done what was asked.
    #[must_use]
    pub fn after_effect(mut self) -> Self {
        self.after_effect = true;
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.headers.insert(name.into(), text.into());
        self
    }

    /// With a body of HTML, as proxies give.
    #[must_use]
    pub fn html(mut self) -> Self {
        self.html = true;
        self
    }
}

impl From<PlainFault> for Fault {
    fn from(fault: PlainFault) -> Self {
        Self::Plain(fault)
    }
}

impl From<StatusFault> for Fault {
    fn from(fault: StatusFault) -> Self {
        Self::Status(fault)
    }
}

impl From<Duration> for Fault {
    /// An answer that comes late by this long.
    fn from(delay: Duration) -> Self {
        Self::Delay { delay: delay.as_secs_f64() }
    }
}

/// Which requests go wrong, and how.
///
/// ```
/// use defender_response::emulator::{Emulator, FaultRule, PlainFault, StatusFault};
///
/// let emulator = Emulator::new();
/// emulator.fault(FaultRule::new("isolate", PlainFault::ResetAfterEffect))?;
/// emulator.fault(FaultRule::new("get_machine_action", StatusFault::new(429).retry_after(2)).times(3))?;
/// assert_eq!(emulator.faults().len(), 2);
/// # Ok::<(), defender_response::emulator::FaultError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FaultRule {
    /// The operation, such as `isolate`; `*` for any but `unknown`.
    pub operation: String,
    /// How many requests.
    #[serde(default = "once")]
    pub times: u64,
    /// Only requests about this machine, action, alert or indicator, as given in the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What goes wrong.
    pub fault: Fault,
}

fn once() -> u64 {
    1
}

impl FaultRule {
    /// This fault with the next request of this operation.
    #[must_use]
    pub fn new(operation: impl Into<String>, fault: impl Into<Fault>) -> Self {
        Self { operation: operation.into(), times: 1, target: None, fault: fault.into() }
    }

    /// With so many requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Only with requests about this machine, action, alert or indicator.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    fn check(&self) -> Result<(), FaultError> {
        if self.operation != "*" && Operation::named(&self.operation).is_none() {
            return Err(FaultError(format!("there is no operation {:?}", self.operation)));
        }
        match &self.fault {
            Fault::Status(fault) if !(200..=599).contains(&fault.status) => {
                Err(FaultError(format!("{} is not a status an answer can have", fault.status)))
            }
            Fault::Status(fault) => match fault.headers.iter().find(|header| !is_header(*header)) {
                Some((name, _)) => Err(FaultError(format!("{name:?} is not a header to set"))),
                None => Ok(()),
            },
            Fault::RedirectTo { redirect } if HeaderValue::from_str(redirect).is_err() => {
                Err(FaultError(format!("{redirect:?} is not a URL a header can carry")))
            }
            Fault::Delay { delay } if Duration::try_from_secs_f64(*delay).is_err() => {
                Err(FaultError(format!("{delay} is not a number of seconds")))
            }
            _ => Ok(()),
        }
    }

    fn matches(&self, operation: Operation, target: Option<&str>) -> bool {
        let named = match self.operation.as_str() {
            "*" => operation != Operation::Unknown,
            name => operation.name() == name,
        };
        let meant = |wanted: &String| target.is_some_and(|t| t.eq_ignore_ascii_case(wanted));
        named && self.target.as_ref().is_none_or(meant)
    }
}

/// The headers that frame an answer are the server's own.
fn is_header((name, text): (&String, &String)) -> bool {
    const FRAMING: [&str; 4] = ["connection", "content-length", "transfer-encoding", "upgrade"];
    if FRAMING.iter().any(|framing| framing.eq_ignore_ascii_case(name)) {
        return false;
    }
    HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(text).is_ok()
}

/// A rule that can't be carried out: no such operation, or an impossible figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError(String);

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultError {}

/// The rules that aren't used up.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FaultRule>);

impl Faults {
    pub(crate) fn add(&mut self, rules: Vec<FaultRule>) -> Result<(), FaultError> {
        rules.iter().try_for_each(FaultRule::check)?;
        self.0.extend(rules.into_iter().filter(|rule| rule.times > 0));
        Ok(())
    }

    pub(crate) fn rules(&self) -> &[FaultRule] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault for this request, by the oldest rule that matches.
    pub(crate) fn take(&mut self, operation: Operation, target: Option<&str>) -> Option<Fault> {
        let place = self.0.iter().position(|rule| rule.matches(operation, target))?;
        let rule = self.0.get_mut(place)?;
        rule.times -= 1;
        let fault = rule.fault.clone();
        if rule.times == 0 {
            self.0.remove(place);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_documented() {
        let text = r#"[{"operation":"isolate","times":1,"fault":"reset_after_effect"},
            {"operation":"*","fault":"html_200"},
            {"operation":"scan","fault":{"status":503,"retry_after":2,"after_effect":true}},
            {"operation":"token","fault":{"aadsts":90055}},
            {"operation":"token","times":2,"fault":{"delay":0.5}}]"#;
        let rules: Vec<FaultRule> = serde_json::from_str(text).unwrap_or_default();
        assert_eq!(
            rules,
            [
                FaultRule::new("isolate", PlainFault::ResetAfterEffect),
                FaultRule::new("*", PlainFault::Html200),
                FaultRule::new("scan", StatusFault::new(503).retry_after(2).after_effect()),
                FaultRule::new("token", Fault::Aadsts { aadsts: 90055 }),
                FaultRule::new("token", Duration::from_millis(500)).times(2),
            ]
        );
    }

    #[test]
    fn mistakes_in_a_rule_are_refused() {
        for text in [
            r#"{"operation":"isolate","fault":"reset"}"#,
            r#"{"operation":"isolate","fault":{"status":503,"after":true}}"#,
            r#"{"operation":"isolate","time":1,"fault":"refused"}"#,
        ] {
            assert!(serde_json::from_str::<FaultRule>(text).is_err(), "{text}");
        }
        let mut faults = Faults::default();
        assert!(faults.add(vec![FaultRule::new("isolation", PlainFault::Refused)]).is_err());
        assert!(faults.add(vec![FaultRule::new("isolate", StatusFault::new(99))]).is_err());
    }

    #[test]
    fn a_rule_is_used_up() {
        let mut faults = Faults::default();
        let rules = vec![
            FaultRule::new("isolate", PlainFault::Refused).times(2).target("AB"),
            FaultRule::new("*", PlainFault::Redirect),
        ];
        assert_eq!(faults.add(rules), Ok(()));
        let mut take = |target| faults.take(Operation::Isolate, Some(target));
        assert_eq!(take("ab"), Some(PlainFault::Refused.into()));
        assert_eq!(take("cd"), Some(PlainFault::Redirect.into()));
        assert_eq!(take("cd"), None);
        assert_eq!(take("ab"), Some(PlainFault::Refused.into()));
        assert_eq!(take("ab"), None);
    }
}
