//! A bundle built with the crate `stix2`, and what would be done with its indicators. Nothing is sent.
//!
//! ```text
//! cargo run --features stix2 --example stix2_bundle
//! ```

use std::io::Write;
use std::time::SystemTime;

use defender_response::model::{IndicatorAction, Severity};
use defender_response::stix::{PlanOptions, Planner};
use stix2::objects::{Indicator, IndicatorBuilder};
use stix2::vocab::PatternType;
use stix2::{Bundle, StixObject};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let domain = IndicatorBuilder::domain("evil.example").name("A command server").build()?;
    // `build` refuses patterns that its own parser can't read, such as an AND inside an observation. A plan reads the
    // fields and has a parser of its own.
    let mut file = Indicator { pattern_type: PatternType::Stix, ..domain.clone() };
    file.id = stix2::Identifier::new("indicator")?;
    file.name = Some("A loader".to_owned());
    file.pattern =
        format!("[file:hashes.'SHA-256' = '{}' AND file:name = 'a.exe']", "ab".repeat(32));

    let mut bundle = Bundle::new();
    bundle.objects.extend([StixObject::Indicator(domain), StixObject::Indicator(file)]);

    let options = PlanOptions::new(IndicatorAction::Block).severity(Severity::High);
    let mut planner = Planner::new(options.at(SystemTime::now().into()))?;
    planner.push_stix2(&bundle);
    write!(std::io::stdout(), "{}", planner.finish()?.table())?;
    Ok(())
}
