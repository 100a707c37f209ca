//! STIX patterns as trees: one JSON string a line on stdin, one JSON object a line on stdout.
//!
//! ```text
//! echo '"[domain-name:value = '\''evil.example'\'']"' | cargo run --example pattern
//! {"ok":true,"tree":["obs",["t","domain-name",["value"],"=",false,["s","evil.example"]]]}
//! ```
//! A line that is no pattern, or no JSON string at all, gives `{"ok":false,"error":".."}` and costs itself alone.

use std::fmt::Write as _;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::process::ExitCode;

use defender_response::stix::Pattern;
use defender_response::stix::pattern::{
    Comparison, Condition, Literal, MAX_LENGTH, Number, Observation, Path, Qualifier, Step, Test,
};

/// The longest line that can hold a pattern: JSON spells a byte with six at most, and quotes and blanks surround it.
const LONGEST: u64 = 6 * MAX_LENGTH as u64 + 1024;

fn main() -> ExitCode {
    match answer(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pattern: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(input: &mut impl BufRead, output: &mut impl Write) -> io::Result<()> {
    let mut output = io::BufWriter::new(output);
    let mut line = Vec::new();
    while !input.fill_buf()?.is_empty() {
        line.clear();
        input.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        let whole = line.last() == Some(&b'\n') || (line.len() as u64) < LONGEST;
        if !whole {
            input.skip_until(b'\n')?;
        }
        let result = if whole { read(&line) } else { Err("the line is too long".to_owned()) };
        match result {
            Ok(tree) => writeln!(output, "{{\"ok\":true,\"tree\":{tree}}}")?,
            Err(error) => writeln!(output, "{{\"ok\":false,\"error\":{}}}", quoted(&error))?,
        }
    }
    output.flush()
}

fn read(line: &[u8]) -> Result<String, String> {
    let text: String =
        serde_json::from_slice(line).map_err(|e| format!("not a JSON string: {e}"))?;
    let pattern = Pattern::parse(&text).map_err(|e| e.to_string())?;
    Ok(observation(pattern.observation()))
}

fn observation(tree: &Observation<'_>) -> String {
    match tree {
        Observation::Of(tree) => list("obs", [comparison(tree)]),
        Observation::And(parts) => list("AND", parts.iter().map(observation)),
        Observation::Or(parts) => list("OR", parts.iter().map(observation)),
        Observation::FollowedBy(parts) => list("FB", parts.iter().map(observation)),
        Observation::Qualified(inner, qualifiers) => qualifiers
            .iter()
            .fold(observation(inner), |inner, next| list("Q", [inner, qualifier(next)])),
        _ => list("unknown", []),
    }
}

fn qualifier(qualifier: &Qualifier<'_>) -> String {
    match qualifier {
        Qualifier::Within(seconds) => list("W", [number(seconds)]),
        Qualifier::Repeats(times) => list("R", [number(times)]),
        Qualifier::StartStop { start, stop } => {
            list("SS", [quoted(start.as_str()), quoted(stop.as_str())])
        }
        _ => list("unknown", []),
    }
}

fn comparison(tree: &Comparison<'_>) -> String {
    match tree {
        Comparison::Test(tree) => test(tree),
        Comparison::And(parts) => list("and", parts.iter().map(comparison)),
        Comparison::Or(parts) => list("or", parts.iter().map(comparison)),
        _ => list("unknown", []),
    }
}

fn test(test: &Test<'_>) -> String {
    let words = |text: &str| list("s", [quoted(text)]);
    let (operator, value) = match &test.condition {
        Condition::Equal(value) => ("=", literal(value)),
        Condition::NotEqual(value) => ("!=", literal(value)),
        Condition::Ordered(order, value) => (order.as_str(), literal(value)),
        Condition::In(values) => ("IN", list("set", values.iter().map(literal))),
        Condition::Like(like) => ("LIKE", words(like)),
        Condition::Matches(expression) => ("MATCHES", words(expression)),
        Condition::IsSubset(network) => ("ISSUBSET", words(network)),
        Condition::IsSuperset(network) => ("ISSUPERSET", words(network)),
        Condition::Exists => ("EXISTS", list("b", ["true".to_owned()])),
        _ => ("unknown", "null".to_owned()),
    };
    let negated = test.negated.to_string();
    let object = quoted(test.path.object());
    list("t", [object, steps(&test.path), quoted(operator), negated, value])
}

fn steps(path: &Path<'_>) -> String {
    let step = |step: &Step<'_>| match step {
        Step::Property(name) => quoted(name),
        Step::Index(index) => {
            index.as_i64().map_or_else(|| number(index), |index| index.to_string())
        }
        _ => quoted("[*]"),
    };
    let steps: Vec<_> = path.steps().iter().map(step).collect();
    format!("[{}]", steps.join(","))
}

fn literal(literal: &Literal<'_>) -> String {
    match literal {
        Literal::Text(text) => list("s", [quoted(text)]),
        Literal::Number(value) => list("n", [number(value)]),
        Literal::Bool(value) => list("b", [value.to_string()]),
        Literal::Time(time) => list("t", [quoted(time.as_str())]),
        Literal::Hex(bytes) => list("hex", [quoted(bytes.as_str())]),
        Literal::Binary(bytes) => list("bin", [quoted(bytes.as_str())]),
        _ => list("unknown", []),
    }
}

/// JSON has no word for infinity; what is too large for any reader to hold comes nearest.
fn number(number: &Number<'_>) -> String {
    match number.as_f64() {
        f64::INFINITY => "1e999".to_owned(),
        f64::NEG_INFINITY => "-1e999".to_owned(),
        finite => format!("{finite:?}"),
    }
}

fn list(tag: &str, items: impl IntoIterator<Item = String>) -> String {
    let mut list = format!("[\"{tag}\"");
    for item in items {
        let _ = write!(list, ",{item}");
    }
    list.push(']');
    list
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
