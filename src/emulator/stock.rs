//! Filling and emptying the emulator's stores: many past actions, many indicators, ones that vanish while
//! a list is being read.

use std::time::Duration;

use serde_json::Value;

use super::handle::Emulator;
use super::moment::Moment;
use super::world::{Action, Actor, Author, Draft, Kind, Scene, Status, Stored, Tenant};

impl Emulator {
    /// Adds finished scans to the first tenant, spread over its machines, the newest a second old and each
    /// a second older; their ids, oldest first.
    #[allow(clippy::must_use_candidate)]
    pub fn add_past_actions(&self, count: usize) -> Vec<String> {
        let mut service = self.0.lock();
        let added = service.in_tenant(0, |tenant, scene| {
            (0..count).rev().map(|ago| add_past_action(tenant, scene, ago)).collect()
        });
        added.unwrap_or_default()
    }

    /// Takes an action out of every list, as old ones are. False if there is no such action.
    #[must_use]
    pub fn unlist_action(&self, action_id: &str) -> bool {
        let mut service = self.0.lock();
        service.directory.iter_mut().any(|tenant| {
            let found = tenant.actions.find(action_id);
            found.and_then(|n| tenant.actions.get_mut(n)).map(|a| a.unlisted = true).is_some()
        })
    }

    /// Lets somebody else store so many indicators in the first tenant: SHA-256 values that are counted
    /// up, with the action `Block`; their ids.
    #[allow(clippy::must_use_candidate)]
    pub fn add_indicators(&self, actor: Actor, count: usize) -> Vec<String> {
        let mut service = self.0.lock();
        let added = service.in_tenant(0, |tenant, scene| {
            let author = Author {
                id: actor.name().to_owned(),
                name: actor.name().to_owned(),
                source: if actor == Actor::OtherApp { "PublicApi" } else { "Portal" },
                own_only: false,
            };
            let first = tenant.indicators.last_number();
            let drafts = (1..).map(|n| draft(&format!("{:064x}", first + n)));
            let mut store = |draft| match tenant.indicators.store(
                draft,
                &author,
                true,
                usize::MAX,
                scene.now,
            ) {
                Stored::At(number) => number.to_string(),
                Stored::Full | Stored::NotYours => String::new(),
            };
            drafts.take(count).map(&mut store).collect()
        });
        added.unwrap_or_default()
    }

    /// Lets somebody else delete an indicator. False if there is no such one.
    #[must_use]
    pub fn remove_indicator(&self, id: &str) -> bool {
        let Ok(number) = id.parse() else { return false };
        let mut service = self.0.lock();
        service.directory.iter_mut().any(|tenant| tenant.indicators.remove(number))
    }

    /// Every active indicator of the first tenant as the service has it, whoever created it.
    #[must_use]
    pub fn indicators(&self) -> Vec<Value> {
        let mut service = self.0.lock();
        let now = service.catch_up();
        let tenant = service.directory.get(0);
        let active = tenant.into_iter().flat_map(|tenant| tenant.indicators.active(now));
        active.filter_map(|indicator| serde_json::to_value(indicator).ok()).collect()
    }

    /// Lets every indicator with this value fail in the first tenant, for this reason.
    pub fn fail_indicator(&self, value: impl Into<String>, reason: impl Into<String>) {
        let mut service = self.0.lock();
        if let Some(tenant) = service.directory.get_mut(0) {
            tenant.doomed_indicators.insert(value.into(), reason.into());
        }
    }
}

fn add_past_action(tenant: &mut Tenant, scene: &mut Scene<'_>, ago: usize) -> String {
    let age = Duration::from_secs(ago as u64 + 1);
    let created = Moment { at: scene.now.at.saturating_sub(age), wall: scene.now.wall.minus(age) };
    let id = scene.ids.guid();
    let action = Action {
        id: id.clone(),
        kind: Kind::Scan,
        scope: Some("Quick".to_owned()),
        status: Status::Succeeded,
        requestor: Actor::Analyst.name().to_owned(),
        comment: Some("Weekly scan".to_owned()),
        source: "Portal",
        external_id: None,
        machine: ago % tenant.machines.len().max(1),
        created,
        updated: created.wall.plus(Duration::from_millis(500)),
        cancellation: None,
        hresult: 0,
        stuck: false,
        unlisted: false,
        before: None,
    };
    tenant.actions.add(action);
    id
}

fn draft(value: &str) -> Draft {
    Draft {
        value: value.to_owned(),
        kind: "FileSha256",
        action: "Block",
        title: "Known malware".to_owned(),
        description: "From another feed".to_owned(),
        severity: Some("High"),
        application: None,
        recommended_actions: None,
        educate_url: None,
        expires: None,
        generate_alert: true,
        groups: Vec::new(),
    }
}
