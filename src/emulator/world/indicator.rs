//! Indicators: what makes two of them the same, which are in force, how many fit (pages ti-indicator and
//! indicator-manage).

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::emulator::moment::{Moment, Stamp};
use crate::types::Timestamp;

/// An indicator as the service answers it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)]
pub(crate) struct Indicator {
    #[serde(skip)]
    pub(crate) number: u64,
    /// Digits; never used again once deleted.
    pub(crate) id: String,
    pub(crate) indicator_value: String,
    pub(crate) indicator_type: &'static str,
    pub(crate) action: &'static str,
    pub(crate) created_by: String,
    pub(crate) severity: &'static str,
    category: i32,
    pub(crate) application: Option<String>,
    educate_url: Option<String>,
    bypass_duration_hours: Option<u32>,
    pub(crate) title: String,
    description: String,
    recommended_actions: Option<String>,
    #[serde(rename = "creationTimeDateTimeUtc")]
    pub(crate) created: Stamp,
    pub(crate) expiration_time: Option<Stamp>,
    last_update_time: Stamp,
    last_updated_by: Option<String>,
    pub(crate) rbac_group_names: Vec<String>,
    pub(crate) rbac_group_ids: Vec<String>,
    notification_id: Option<String>,
    notification_body: Option<String>,
    version: Option<String>,
    mitre_techniques: Vec<String>,
    historical_detection: bool,
    look_back_period: Option<u32>,
    pub(crate) generate_alert: bool,
    additional_info: Option<String>,
    pub(crate) created_by_display_name: String,
    pub(crate) created_by_source: &'static str,
    certificate_info: Option<String>,
}

/// What somebody submits.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) value: String,
    pub(crate) kind: &'static str,
    pub(crate) action: &'static str,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) severity: Option<&'static str>,
    pub(crate) application: Option<String>,
    pub(crate) recommended_actions: Option<String>,
    pub(crate) educate_url: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) generate_alert: bool,
    pub(crate) groups: Vec<String>,
}

/// Who submits it.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) source: &'static str,
    /// Whether other people's indicators can't be touched.
    pub(crate) own_only: bool,
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    At(u64),
    /// No room for one more.
    Full,
    /// The same one is somebody else's.
    NotYours,
}

/// Value, type, action and, by the switch `indicator_scope_in_key`, device groups: a Microsoft statement
/// (microsoft-365-docs#4927) and a recording show that the action belongs to it.
type Key = (String, &'static str, &'static str, Vec<String>);

/// A tenant's indicators.
#[derive(Debug)]
pub(crate) struct Indicators {
    by_number: BTreeMap<u64, Indicator>,
    by_key: HashMap<Key, u64>,
    next: u64,
}

impl Default for Indicators {
    fn default() -> Self {
        Self { by_number: BTreeMap::new(), by_key: HashMap::new(), next: 1 }
    }
}

impl Indicators {
    /// Creates an indicator, or updates the one that is the same.
    pub(crate) fn store(
        &mut self,
        draft: Draft,
        author: &Author,
        scope_in_key: bool,
        room: usize,
        now: Moment,
    ) -> Stored {
        let key = key(&draft, scope_in_key);
        let same = self.by_key.get(&key).copied();
        if let Some((number, found)) = same.and_then(|n| Some((n, self.by_number.get_mut(&n)?)))
            && found.is_active(now)
        {
            if author.own_only && found.created_by != author.id {
                return Stored::NotYours;
            }
            found.update(draft, author, now);
            return Stored::At(number);
        }
        if room == 0 {
            return Stored::Full;
        }
        let number = self.next;
        self.next += 1;
        self.by_number.insert(number, Indicator::new(number, draft, author, now));
        self.by_key.insert(key, number);
        Stored::At(number)
    }

    /// The newest number given so far.
    pub(crate) fn last_number(&self) -> u64 {
        self.next - 1
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Indicator> {
        self.by_number.get(&number)
    }

    pub(crate) fn remove(&mut self, number: u64) -> bool {
        let found = self.by_number.remove(&number).is_some();
        self.by_key.retain(|_, held| *held != number);
        found
    }

    /// Those in force, by number; expired ones are gone.
    pub(crate) fn active(&self, now: Moment) -> impl Iterator<Item = &Indicator> {
        self.by_number.values().filter(move |indicator| indicator.is_active(now))
    }
}

fn key(draft: &Draft, scope_in_key: bool) -> Key {
    let value = match draft.kind {
        "Url" => draft.value.clone(),
        _ => draft.value.to_lowercase(),
    };
    let mut groups = if scope_in_key { draft.groups.clone() } else { Vec::new() };
    groups.sort();
    (value, draft.kind, draft.action, groups)
}

impl Indicator {
    fn new(number: u64, draft: Draft, author: &Author, now: Moment) -> Self {
        Self {
            number,
            id: number.to_string(),
            indicator_value: draft.value,
            indicator_type: draft.kind,
            action: draft.action,
            created_by: author.id.clone(),
            severity: draft.severity.unwrap_or("Informational"),
            category: 1,
            application: draft.application,
            educate_url: draft.educate_url,
            bypass_duration_hours: None,
            title: draft.title,
            description: draft.description,
            recommended_actions: draft.recommended_actions,
            created: Stamp(now.wall),
            expiration_time: draft.expires.map(Stamp),
            last_update_time: Stamp(now.wall),
            last_updated_by: None,
            rbac_group_ids: draft.groups.iter().map(|_| "140".to_owned()).collect(),
            rbac_group_names: draft.groups,
            notification_id: None,
            notification_body: None,
            version: None,
            mitre_techniques: Vec::new(),
            historical_detection: false,
            look_back_period: None,
            generate_alert: draft.generate_alert,
            additional_info: None,
            created_by_display_name: author.name.clone(),
            created_by_source: author.source,
            certificate_info: None,
        }
    }

    /// `application` is set at creation only (page ti-indicator).
    fn update(&mut self, draft: Draft, author: &Author, now: Moment) {
        self.indicator_value = draft.value;
        self.title = draft.title;
        self.description = draft.description;
        self.severity = draft.severity.unwrap_or(self.severity);
        self.recommended_actions = draft.recommended_actions;
        self.educate_url = draft.educate_url;
        self.expiration_time = draft.expires.map(Stamp);
        self.generate_alert = draft.generate_alert;
        self.rbac_group_ids = draft.groups.iter().map(|_| "140".to_owned()).collect();
        self.rbac_group_names = draft.groups;
        self.last_update_time = Stamp(now.wall);
        self.last_updated_by = Some(author.id.clone());
    }

    pub(crate) fn is_active(&self, now: Moment) -> bool {
        self.expiration_time.is_none_or(|end| end.0 > now.wall)
    }
}
