//! What may be done to which machines: rules as data, which every call passes that changes something.

mod form;
mod keeper;
mod pattern;
mod rule;
mod subject;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
pub(crate) use keeper::{Keeper, Pass};
pub(crate) use rule::may_be_server;
pub use rule::{Limit, Rule};
pub(crate) use subject::{About, Act, Subject};

/// Rules about what may be done to which machines: data that can live in a file.
///
/// A client with a guard ([`ClientBuilder::guard`](crate::ClientBuilder::guard), [`Client::guarded`](crate::Client::guarded))
/// holds every call against it that changes something, by a method, by a raw [`send`](crate::Client::send), or by many at
/// once, and refuses what it forbids before anything is sent. For that the machine is read (for a cancellation the action
/// first), which takes `Machine.Read.All` and the quota of [`GetMachine`](crate::GetMachine). What can't be read is refused.
///
/// * `never`: refused if *any* of these rules fits. Nothing outweighs them.
/// * `only`: what is about a machine is refused unless one of these fits, if there are any.
/// * `at_most`: refused when so many machines were acted on already in so many minutes, by this client and its clones.
///   Another process counts for itself.
///
/// An entry that was merged into another one is refused under any guard, and a device that isn't onboarded, except for
/// containing and releasing it.
///
/// What a machine's record doesn't tell (its name, its system, its device value) is held against it: a rule in `never` that
/// asks for that fits, and one in `only` doesn't.
///
/// Rules apply to releases and cancellations as well unless `operations` says otherwise.
///
/// ```
/// use defender_response::Guard;
///
/// let guard = Guard::from_json(r#"{
///     "never": [
///         {"because": "tier 0", "tags": ["tier-0"], "names": ["dc*", "adfs*.corp.example"]},
///         {"servers": true, "high_value": true, "operations": ["isolate", "restrict_code_execution"]}
///     ],
///     "only": [{"names": ["*.corp.example"]}],
///     "at_most": [{"machines": 20, "minutes": 60, "operations": ["isolate"]}]
/// }"#)?;
///
/// let mistaken = Guard::from_json(r#"{"never": [{"tag": "tier-0"}]}"#).unwrap_err();
/// assert!(mistaken.to_string().contains("line 1"), "{mistaken}");
/// # Ok::<(), defender_response::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use]
pub struct Guard {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "form::some")]
    never: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "form::some")]
    only: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "form::some")]
    at_most: Vec<Limit>,
}

impl Guard {
    /// A guard without rules: it only refuses entries that were merged away, and devices that aren't onboarded.
    pub fn new() -> Self {
        Self::default()
    }

    /// A guard as JSON, from a file.
    ///
    /// # Errors
    /// [`is_configuration`](Error::is_configuration), with line and reason: a member that isn't known, a pattern or an
    /// operation's name that can't be right, a rule that says nothing. A guard with a mistake is never used in part.
    pub fn from_json(text: &str) -> Result<Self> {
        // Serde would also take the members by their places.
        if !text.trim_start().starts_with('{') {
            return Err(Error::configuration(
                "the guard can't be used: line 1 begins no JSON object",
            ));
        }
        serde_json::from_str(text)
            .map_err(|e| Error::configuration(format!("the guard can't be used: {e}")))
    }

    /// Adds a rule about what is never done.
    pub fn never(mut self, rule: Rule) -> Self {
        self.never.push(rule);
        self
    }

    /// Adds a rule about what alone may be done.
    pub fn only(mut self, rule: Rule) -> Self {
        self.only.push(rule);
        self
    }

    /// Adds a limit.
    pub fn at_most(mut self, limit: Limit) -> Self {
        self.at_most.push(limit);
        self
    }

    /// What was built in code is held to what a file is held to.
    pub(crate) fn check(&self) -> Result<()> {
        let rules = self.never.iter().chain(&self.only).map(Rule::check);
        let limits = self.at_most.iter().map(Limit::check);
        rules
            .chain(limits)
            .collect::<Result<(), String>>()
            .map_err(|what| Error::configuration(format!("the guard can't be used: {what}")))
    }

    pub(crate) fn limits(&self) -> &[Limit] {
        &self.at_most
    }

    /// Why an act is forbidden, if it is. Limits are the [`Keeper`]'s to count.
    pub(crate) fn objection(&self, act: &Act<'_>) -> Option<String> {
        if let Some(objection) = act.about_an_entry_that_is_none() {
            return Some(objection);
        }
        for (number, rule) in self.never.iter().enumerate() {
            if act.about == About::Untold && rule.is_about_machines() && rule.names(act.operation) {
                return Some(format!(
                    "the guard's rule never[{number}] is about machines, and it can't be told which ones this is about"
                ));
            }
            if let Some(fit) = rule.fits(act, true) {
                return Some(format!(
                    "the guard's rule never[{number}]{} forbids it: {fit}",
                    rule.reason()
                ));
            }
        }
        let mut limits = self.at_most.iter();
        if act.about == About::Untold
            && let Some(number) = limits.position(|limit| limit.counts(act.operation))
        {
            return Some(format!(
                "the guard's limit at_most[{number}] counts machines, and it can't be told which ones this is about"
            ));
        }
        let is_about_machines = act.about != About::Nothing;
        if is_about_machines
            && !self.only.is_empty()
            && !self.only.iter().any(|rule| rule.fits(act, false).is_some())
        {
            return Some("none of the guard's rules in `only` allows it".to_owned());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(text: &str) -> Guard {
        Guard::from_json(text).unwrap()
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, line, reason) in [
            ("{\"never\": [\n {\"tag\": \"tier-0\"}]}", "line 2", "tag"),
            ("{\"never\": [{}]}", "line 1", "says nothing"),
            ("{\n\n\"never\": [{\"because\": \"x\"}]}", "line 3", "says nothing"),
            ("{\"nevr\": []}", "line 1", "nevr"),
            ("{\"never\": [{\"operations\": [\"izolate\"]}]}", "line 1", "izolate"),
            ("{\"never\": [{\"operations\": []}]}", "line 1", "says nothing"),
            ("{\"only\": [{\"names\": [],\n\"operations\": [\"scan\"]}]}", "line 1", "empty list"),
            ("{\"only\": [{\"servers\": true, \"ids\": []}]}", "line 1", "empty list"),
            ("{\"only\": [{\"servers\": true, \"tags\": []}]}", "line 1", "empty list"),
            ("{\"only\": [{\"servers\": true, \"platforms\": []}]}", "line 1", "empty list"),
            ("{\n\"only\": []}", "line 2", "empty list"),
            ("{\"never\": []}", "line 1", "empty list"),
            ("{\"at_most\": []}", "line 1", "empty list"),
            ("{\"at_most\": [\n[5, 60]]}", "line 2", "object"),
            ("{\"never\": [[\"because\", true]]}", "line 1", "object"),
            (
                "{\"at_most\": [{\"machines\": 5, \"minutes\": 5, \"operations\": []}]}",
                "line 1",
                "empty list",
            ),
            ("{\"never\": [\n{\"names\": [\" \"]}]}", "line 2", "blank"),
            ("{\"never\": [\n{\"names\": [\"dc01, dc02\"]}]}", "line 2", "','"),
            ("{\"only\": [{\"names\": [\"^dc\\\\d+$\"]}]}", "line 1", "'^'"),
            ("{\"never\": [{\"names\": [\"CORP\\\\dc01\"]}]}", "line 1", "no pattern"),
            ("{\"never\": [{\"names\": [\"dc[0-9]*\"]}]}", "line 1", "'['"),
            ("{\"never\": [{\"names\": [\"dc01.corp.example:443\"]}]}", "line 1", "':'"),
            ("{\"never\": [{\"names\": [\"dc01 \u{200b}\"]}]}", "line 1", "no pattern"),
            (
                "{\"never\": [\n{\"platforms\": [\"Windows Server 2022\"]}]}",
                "line 2",
                "WindowsServer2022",
            ),
            ("{\"never\": [{\"platforms\": [\"WindwsServer*\"]}]}", "line 1", "WindowsServer2022"),
            ("{\"only\": [{\"platforms\": [\"Windows2022\"]}]}", "line 1", "WindowsServer2022"),
            ("{\"never\": [{\"ids\": [\"dc01\"]}]}", "line 1", "dc01"),
            ("{\"at_most\": [{\"machines\": 5}]}", "line 1", "minutes"),
            ("{\"at_most\": [{\"machines\": 5, \"minutes\": 0}]}", "line 1", "minutes"),
            ("{\"at_most\": [{\"machines\": -1, \"minutes\": 5}]}", "line 1", "-1"),
            ("{\"never\": [{\"tags\": [\"a\"]}]", "line 1", "EOF"),
            ("{} {}", "line 1", "trailing"),
            ("[]", "line 1", "object"),
            ("{\"never\": [{\"any\": true, \"tags\": [\"a\"]}]}", "line 1", "any"),
        ] {
            let told = Guard::from_json(text).unwrap_err();
            assert!(told.is_configuration());
            let told = told.to_string();
            assert!(told.contains(line) && told.contains(reason), "{text}: {told}");
        }
    }

    #[test]
    fn a_guard_is_written_as_it_is_read() {
        let text = r#"{"never":[{"because":"tier 0","names":["dc*"],"tags":["tier-0"],"servers":true},{"any":true,"operations":["scan"]}],"only":[{"ids":["1e5bc9d7e413ddd7902c2932e418702b84d0cc07"]}],"at_most":[{"machines":20,"minutes":60}]}"#;
        assert_eq!(serde_json::to_string(&guard(text)).unwrap(), text);
        let built = Guard::new().at_most(Limit::new(20, 60)).never(Rule::new().tag("tier-0"));
        let written = serde_json::to_string(&built).unwrap();
        assert_eq!(guard(&written), built);
    }
}
