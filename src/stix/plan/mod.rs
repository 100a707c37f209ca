//! From a feed to what is to be done: indicators to be pushed, indicators to be withdrawn, and why the rest isn't.

mod actions;
mod draft;
mod feed;
mod hosts;
mod index;
mod json;
mod merge;
mod note;
mod options;
mod outcome;
mod planner;
mod protected;
mod rules;
mod skip;
#[cfg(feature = "stix2")]
mod stix2;
mod table;
mod time;
mod tlp;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::indicators::NewIndicator;
use crate::types::{Timestamp, printable};

pub use feed::{FeedError, Trouble};
pub use note::{Effect, Note, Notes};
pub use options::PlanOptions;
pub use outcome::{Binding, Cause, Completeness, Counts, Fate, Planned, Source, Withdrawal};
pub use planner::{Planner, plan};
pub use skip::{LeftOut, Skip, SkipReason};
pub use table::Table;
pub use tlp::Tlp;

/// What is to be done with a feed's indicators. Nothing has been sent yet.
///
/// Every indicator object of the feed is one of [`sources`](Self::sources), with exactly one [`Fate`]: it makes
/// indicators, its indicators are withdrawn, or it is skipped for a reason.
///
/// A plan is plain data. It can be stored as JSON, reviewed and applied later; [`hash`](Self::hash) tells whether it is
/// the one that was reviewed.
///
/// ```
/// use defender_response::model::IndicatorAction;
/// use defender_response::stix::{self, Fate, Plan, PlanOptions};
///
/// let feed = r#"[{"type": "indicator", "id": "indicator--1", "pattern": "[domain-name:value = 'evil.example']"},
///                {"type": "indicator", "id": "indicator--2", "pattern": "[file:name = 'evil.exe']"}]"#;
/// let plan = stix::plan(feed.as_bytes(), &PlanOptions::new(IndicatorAction::Block))?;
/// for source in plan.sources() {
///     match &source.fate {
///         Fate::Planned(places) => println!("{}: {} indicators", source.id, places.len()),
///         Fate::Withdrawn { cause, .. } => println!("{}: {cause:?}", source.id),
///         Fate::Skipped(skip) => println!("{}: {skip}", source.id),
///         _ => {}
///     }
/// }
///
/// let stored = serde_json::to_string(&plan)?;
/// let reviewed: Plan = serde_json::from_str(&stored)?;
/// assert_eq!(reviewed.hash(), plan.hash());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Plan(Box<Body>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    at: Timestamp,
    options: PlanOptions,
    /// Whether an old word for the action asked for alerts.
    alert: bool,
    notes: Notes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binding: Option<Binding>,
    completeness: Completeness,
    indicators: Vec<Planned>,
    withdrawals: Vec<Withdrawal>,
    sources: Vec<Source>,
    counts: Counts,
}

impl Plan {
    fn from_body(body: Body) -> Self {
        Self(Box::new(body))
    }

    /// The time it was made for.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.0.at
    }

    /// What it was made with.
    pub fn options(&self) -> &PlanOptions {
        &self.0.options
    }

    /// What is to be pushed, each value once, what matters most first: by confidence, the highest first and those
    /// without any last; then by the last change of the source, the newest first; then as they stand in the feed.
    #[must_use]
    pub fn indicators(&self) -> &[Planned] {
        &self.0.indicators
    }

    /// What is to be deleted where it is there and ours: values of revoked and expired objects that no other object of
    /// the feed has.
    #[must_use]
    pub fn withdrawals(&self) -> &[Withdrawal] {
        &self.0.withdrawals
    }

    /// The indicator objects of the feed, in its order, with what became of each; also what can't be read.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.0.sources
    }

    /// The sources that are skipped, and why.
    pub fn skips(&self) -> impl Iterator<Item = (&Source, &Skip)> {
        self.sources().iter().filter_map(|source| match &source.fate {
            Fate::Skipped(skip) => Some((source, skip)),
            _ => None,
        })
    }

    /// What has to be known about the whole plan; what concerns a source or an indicator stands there.
    #[must_use]
    pub fn notes(&self) -> Notes {
        self.0.notes
    }

    /// How many of what.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Whether the whole feed was read.
    #[must_use]
    pub fn completeness(&self) -> &Completeness {
        &self.0.completeness
    }

    /// Whether the whole feed was read, so that what isn't in the plan isn't in the feed.
    ///
    /// An object that can't be read and is told as a source ([`InvalidObject`](SkipReason::InvalidObject),
    /// [`TooLarge`](SkipReason::TooLarge)) doesn't make it incomplete. A line that can't be read does, since nobody
    /// knows what it held, and so does what is only counted ([`Counts::unlisted`]).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.completeness == Completeness::Whole
    }

    /// Says which tenant in which cloud it is for, so that it can't be applied to another.
    ///
    /// # Errors
    /// [`is_conflict`](Error::is_conflict) if it is for another already.
    pub fn bind(&mut self, tenant: impl Into<String>, cloud: impl Into<String>) -> Result<()> {
        let binding = Binding { tenant: tenant.into(), cloud: cloud.into() };
        match &self.0.binding {
            Some(known) if *known != binding => Err(Error::new(
                crate::error::ErrorKind::Conflict,
                format!(
                    "the plan is for tenant {} at {}, and not for {} at {}",
                    known.tenant, known.cloud, binding.tenant, binding.cloud
                ),
            )),
            _ => {
                self.0.binding = Some(binding);
                Ok(())
            }
        }
    }

    /// The tenant it is for, once [`bind`](Self::bind) has said so.
    #[must_use]
    pub fn binding(&self) -> Option<&Binding> {
        self.0.binding.as_ref()
    }

    /// The indicator as it is created, with title, description, expiry, severity and device groups. Who it comes from
    /// ([`NewIndicator::application`]) is left to the one who pushes it.
    pub fn new_indicator(&self, planned: &Planned) -> NewIndicator {
        let options = &self.0.options;
        let mut new = NewIndicator::new(
            planned.indicator_type.clone(),
            planned.value.clone(),
            planned.action.clone(),
            self.title(planned),
            self.description(planned),
        )
        .expiration_time(planned.expires);
        if let Some(severity) = &options.severity {
            new = new.severity(severity.clone());
        }
        if let Some(alert) = options.generate_alert.or(self.0.alert.then_some(true)) {
            new = new.generate_alert(alert || self.0.alert);
        }
        if let Some(recommended) = &options.recommended_actions {
            new = new.recommended_actions(recommended);
        }
        if let Some(url) = &options.educate_url {
            new = new.educate_url(url);
        }
        if let Some(groups) = &options.device_groups {
            new = new.rbac_groups(groups);
        }
        new
    }

    /// All of [`indicators`](Self::indicators), as they are created.
    pub fn new_indicators(&self) -> impl Iterator<Item = NewIndicator> {
        self.indicators().iter().map(|planned| self.new_indicator(planned))
    }

    fn first_source(&self, planned: &Planned) -> Option<&Source> {
        planned.sources.first().and_then(|place| self.sources().get(*place))
    }

    fn title(&self, planned: &Planned) -> String {
        let options = &self.0.options;
        if let Some(title) = &options.title {
            return title.clone();
        }
        let name = self.first_source(planned).map(|source| match source.name.as_str() {
            "" => source.id.as_str(),
            name => name,
        });
        let name = name.unwrap_or(&planned.value);
        match &options.source_name {
            Some(feed) => printable(&format!("{feed}: {name}"), 250),
            None => name.to_owned(),
        }
    }

    fn description(&self, planned: &Planned) -> String {
        let options = &self.0.options;
        if let Some(description) = &options.description {
            return description.clone();
        }
        let Some(source) = self.first_source(planned) else { return planned.value.clone() };
        let mut text = String::new();
        if let Some(feed) = &options.source_name {
            text.push_str(feed);
            text.push_str(": ");
        }
        if !source.name.is_empty() {
            text.push_str(&source.name);
            text.push_str(", ");
        }
        text.push_str(&source.id);
        if planned.sources.len() > 1 {
            text.extend([" and ", &(planned.sources.len() - 1).to_string(), " more"]);
        }
        if let Some(base) = &options.base_url {
            text.extend([" ", base.trim_end_matches('/'), "/intelligence/objects/", &source.id]);
        }
        text
    }

    /// The plan for people: what is to be done, what isn't and why.
    pub fn table(&self) -> Table<'_> {
        Table::of(self)
    }
}
