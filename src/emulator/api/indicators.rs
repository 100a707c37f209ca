//! Indicators: create or update, import, read, list, delete (pages post-ti-indicator,
//! import-ti-indicators, get-ti-indicators-collection, delete-ti-indicator-by-id,
//! batch-delete-ti-indicators).

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use super::body::Body;
use super::draft::read_draft;
use super::rows::IndicatorRow;
use super::{Call, entity};
use crate::emulator::answer::{Answer, Form, Refusal};
use crate::emulator::switches::{BadItem, BatchDelete, FailedId, Verdict};
use crate::emulator::world::{Author, Draft, Indicator, Stored};

/// The most items one call may carry.
const LARGEST_BATCH: usize = 500;

/// What became of one item of an import.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    id: Option<String>,
    indicator: &'a str,
    is_failed: bool,
    failure_reason: Option<String>,
}

impl Call<'_> {
    /// 200, never 201.
    pub(super) fn submit_indicator(&mut self) -> Result<Answer, Refusal> {
        let body = self.asked.json.as_ref();
        let draft = read_draft(Body::of(body)?, self.tenant, &self.scene)?;
        let mut room = self.room();
        let number = self.store(draft, &mut room)?;
        let stored = self.tenant.indicators.get(number).ok_or_else(super::unknown)?;
        Ok(entity(StatusCode::OK, "Indicators", stored, self.scene.switches).changed())
    }

    pub(super) fn import_indicators(&mut self) -> Result<Answer, Refusal> {
        let body = Body::of(self.asked.json.as_ref())?;
        let items = match body.get("Indicators")? {
            Some(Value::Array(items)) => items,
            Some(_) => return Err(Refusal::body()),
            None => return Err(Refusal::missing("Indicators")),
        };
        check_batch(items.len())?;
        if items.is_empty() && self.scene.switches.empty_import == Verdict::Refused {
            return Err(Refusal::bad("InvalidInput", "The list of indicators is empty"));
        }
        let drafts = self.read_items(items)?;
        let mut room = self.room();
        let mut effect = false;
        let mut outcomes = Vec::with_capacity(items.len());
        for (item, draft) in items.iter().zip(drafts) {
            let value = item.get("indicatorValue").and_then(Value::as_str).unwrap_or_default();
            let stored = draft.and_then(|draft| self.store(draft, &mut room));
            effect |= stored.is_ok();
            outcomes.push(self.outcome(value, stored));
        }
        let answer =
            Answer::json(StatusCode::OK, Form::Api, &serde_json::json!({ "value": outcomes }));
        Ok(answer.changed_if(effect))
    }

    pub(super) fn get_indicator(&self) -> Result<Answer, Refusal> {
        let id = self.asked.target();
        let found = self.visible(id).ok_or_else(|| Refusal::not_found("Indicator", id))?;
        Ok(entity(StatusCode::OK, "Indicators", found, self.scene.switches))
    }

    /// Those in force; with `Ti.ReadWrite` only the application's own.
    pub(super) fn list_indicators(&self) -> Result<Answer, Refusal> {
        let all = self.tenant.indicators.active(self.scene.now);
        let rows = all.filter(|indicator| self.may_see(indicator)).map(IndicatorRow);
        let (query, page) = self.page(rows)?;
        Ok(self.list("Indicators", &query, &page, |row| row.0))
    }

    pub(super) fn delete_indicator(&mut self) -> Result<Answer, Refusal> {
        let id = self.asked.target();
        let found = self.visible(id).ok_or_else(|| Refusal::not_found("Indicator", id))?;
        let number = found.number;
        self.tenant.indicators.remove(number);
        Ok(Answer::empty(StatusCode::NO_CONTENT).changed())
    }

    /// 404 if any id is missing; whether the others are deleted then isn't documented.
    pub(super) fn batch_delete_indicators(&mut self) -> Result<Answer, Refusal> {
        let body = Body::of(self.asked.json.as_ref())?;
        let ids = body.texts("IndicatorIds")?.unwrap_or_default();
        if ids.is_empty() {
            return Err(Refusal::missing("IndicatorIds"));
        }
        check_batch(ids.len())?;
        if let Some(odd) = ids.iter().find(|id| id.parse::<u64>().is_err()) {
            return Err(Refusal::bad("InvalidInput", format!("Indicator id '{odd}' is not valid")));
        }
        let found: Vec<u64> =
            ids.iter().filter_map(|id| self.visible(id)).map(|i| i.number).collect();
        let missing = ids.iter().find(|id| self.visible(id).is_none());
        let refusal = missing.map(|id| Refusal::not_found("Indicator", id));
        let keep = refusal.is_some() && self.scene.switches.batch_delete == BatchDelete::Atomic;
        let effect =
            !keep && found.iter().fold(false, |any, n| self.tenant.indicators.remove(*n) | any);
        let answer = match refusal {
            None => Answer::empty(StatusCode::NO_CONTENT),
            Some(refusal) => refusal.into_answer(&self.scene.ids.guid()),
        };
        Ok(answer.changed_if(effect))
    }

    /// Each item's draft or fault; a batch refused as a whole if so switched.
    fn read_items(&self, items: &[Value]) -> Result<Vec<Result<Draft, Refusal>>, Refusal> {
        let mut drafts = Vec::with_capacity(items.len());
        for item in items {
            let draft = read_draft(Body::of(Some(item))?, self.tenant, &self.scene);
            if let (Err(refusal), BadItem::RefusesBatch) =
                (&draft, self.scene.switches.import_bad_item)
            {
                return Err(refusal.clone());
            }
            drafts.push(draft);
        }
        Ok(drafts)
    }

    fn outcome<'v>(&self, value: &'v str, stored: Result<u64, Refusal>) -> Outcome<'v> {
        let switches = self.scene.switches;
        match stored {
            Ok(number) => Outcome {
                id: Some(number.to_string()),
                indicator: value,
                is_failed: false,
                failure_reason: None,
            },
            Err(refusal) => Outcome {
                id: (switches.failed_item_id == FailedId::Empty).then(String::new),
                indicator: value,
                is_failed: true,
                failure_reason: switches.failure_reason.then(|| refusal.message.into_owned()),
            },
        }
    }

    fn store(&mut self, draft: Draft, room: &mut usize) -> Result<u64, Refusal> {
        if let Some(reason) = self.tenant.doomed_indicators.get(&draft.value) {
            return Err(Refusal::bad("InvalidInput", reason.clone()));
        }
        let author = self.author();
        let scoped = self.scene.switches.indicator_scope_in_key;
        let before = self.tenant.indicators.last_number();
        match self.tenant.indicators.store(draft, &author, scoped, *room, self.scene.now) {
            Stored::At(number) => {
                *room -= usize::from(number > before);
                Ok(number)
            }
            Stored::Full => {
                let limit = self.scene.switches.indicator_limit;
                Err(Refusal::bad(
                    "BadRequest",
                    format!("Maximum number of indicators ({limit}) reached"),
                ))
            }
            Stored::NotYours => {
                Err(Refusal::forbidden("The indicator was created by another application"))
            }
        }
    }

    /// How many more indicators fit.
    fn room(&self) -> usize {
        let active = self.tenant.indicators.active(self.scene.now).count();
        self.scene.switches.indicator_limit.saturating_sub(active)
    }

    fn author(&self) -> Author {
        let (id, name) =
            self.caller().map(|app| (app.id.clone(), app.name.clone())).unwrap_or_default();
        let own_only = !self.has_role("Ti.ReadWrite.All") && self.scene.switches.own_changes_only;
        Author { id, name, source: "PublicApi", own_only }
    }

    fn visible(&self, id: &str) -> Option<&Indicator> {
        let found = self.tenant.indicators.get(id.parse().ok()?)?;
        (found.is_active(self.scene.now) && self.may_see(found)).then_some(found)
    }

    fn may_see(&self, indicator: &Indicator) -> bool {
        let reads_all = self.scene.switches.ti_read_all && self.has_role("Ti.Read.All");
        self.has_role("Ti.ReadWrite.All")
            || reads_all
            || self.caller().is_some_and(|app| app.id == indicator.created_by)
    }
}

fn check_batch(items: usize) -> Result<(), Refusal> {
    if items <= LARGEST_BATCH {
        return Ok(());
    }
    let message =
        format!("Maximum batch size exceeded. Received: {items}, allowed: {LARGEST_BATCH}");
    Err(Refusal::bad("MaximumBatchSizeExceeded", message))
}
