//! Values of the crate `stix2`, as sources of a plan.

use serde::Serialize;
use stix2::{Bundle, Indicator, StixObject};

use super::planner::Planner;
use crate::stix::reader::{LONGEST_OBJECT, Sink};

impl Planner {
    /// Takes the objects of a bundle, as if they stood in a feed: each by its fields, whatever `stix2` would think of
    /// its pattern.
    ///
    /// It can stand instead of a feed, before or behind one; a feed's pieces in between are read as one.
    ///
    /// ```
    /// use defender_response::model::IndicatorAction;
    /// use defender_response::stix::{PlanOptions, Planner};
    ///
    /// let bundle: stix2::Bundle = serde_json::from_str(r#"{"type": "bundle",
    ///     "id": "bundle--5d0092c5-5f74-4287-9642-33f4c354e56d", "objects": [{"type": "indicator",
    ///     "spec_version": "2.1", "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    ///     "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
    ///     "pattern": "[domain-name:value = 'evil.example']", "pattern_type": "stix",
    ///     "valid_from": "2026-01-01T00:00:00Z"}]}"#)?;
    /// let mut planner = Planner::new(PlanOptions::new(IndicatorAction::Block).at("2026-03-01T00:00:00Z".parse()?))?;
    /// planner.push_stix2(&bundle);
    /// assert_eq!(planner.finish()?.indicators()[0].value, "evil.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn push_stix2(&mut self, bundle: &Bundle) {
        self.gather.container(None);
        for object in &bundle.objects {
            match object {
                StixObject::Indicator(indicator) => self.push_value(indicator),
                StixObject::MarkingDefinition(marking) => self.push_value(marking),
                StixObject::Custom(object) => self.push_value(object),
                other => self.gather.pass_over(other.type_name()),
            }
        }
    }

    /// Takes one indicator, as [`push_stix2`](Self::push_stix2) takes those of a bundle.
    pub fn push_stix2_indicator(&mut self, indicator: &Indicator) {
        self.push_value(indicator);
    }

    /// By way of JSON, so that no rule for what a feed says is written twice.
    fn push_value(&mut self, object: &impl Serialize) {
        match serde_json::to_vec(object) {
            Ok(text) if text.len() > LONGEST_OBJECT => self.gather.too_long(&text),
            Ok(text) => self.gather.object(&text),
            Err(error) => {
                self.gather.no_object("it can't be written as JSON", error.to_string().as_bytes());
            }
        }
    }
}
