//! One figure, as it is printed.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// What was measured of one case.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    bench: &'static str,
    case: &'static str,
    params: Value,
    unit: &'static str,
    /// Where it is not the median.
    value: Option<f64>,
    samples: Vec<f64>,
}

/// A line of the output.
#[derive(Serialize)]
struct Line<'a> {
    bench: &'a str,
    case: &'a str,
    params: &'a Value,
    value: f64,
    unit: &'a str,
    p50: f64,
    p99: f64,
    load1: f64,
    #[serde(flatten)]
    ratio: Map<String, Value>,
}

impl Figure {
    /// Of these samples; at least one.
    pub(crate) fn new(
        bench: &'static str,
        case: &'static str,
        params: Value,
        unit: &'static str,
        mut samples: Vec<f64>,
    ) -> Self {
        assert!(!samples.is_empty(), "{bench} {case}: nothing was measured");
        samples.sort_by(f64::total_cmp);
        Self {
            bench,
            case,
            params,
            unit,
            value: None,
            samples,
        }
    }

    /// With this as its value: a rate, whose samples are milliseconds.
    pub(crate) fn valued(self, value: f64) -> Self {
        Self {
            value: Some(value),
            ..self
        }
    }

    /// What it says.
    pub(crate) fn value(&self) -> f64 {
        self.value.unwrap_or_else(|| self.median())
    }

    /// The middle one of its samples.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The sample that one of a hundred exceeds.
    pub(crate) fn p99(&self) -> f64 {
        self.quantile(0.99)
    }

    /// The smallest sample that `share` of them do not exceed.
    fn quantile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a number of samples in memory is far below 2^52"
        )]
        let rank = (self.samples.len() as f64 * share).ceil() as usize;
        self.samples[rank.clamp(1, self.samples.len()) - 1]
    }

    /// Print it.
    pub(crate) fn print(&self) {
        self.print_with(Map::new());
    }

    /// Print it, with how many times the median of `other` its own is.
    pub(crate) fn print_against(&self, other: &Self) {
        let ratio = self.quantile(0.5) / other.quantile(0.5);
        let mut fields = Map::new();
        fields.insert("ratio_vs".to_owned(), other.params.clone());
        fields.insert("ratio".to_owned(), json!(rounded(ratio)));
        self.print_with(fields);
    }

    /// Print it, with how many times something it is, and what that is.
    pub(crate) fn print_ratio(&self, versus: &str, ratio: f64) {
        let mut fields = Map::new();
        fields.insert("ratio_vs".to_owned(), json!(versus));
        fields.insert("ratio".to_owned(), json!(rounded(ratio)));
        self.print_with(fields);
    }

    fn print_with(&self, ratio: Map<String, Value>) {
        let line = Line {
            bench: self.bench,
            case: self.case,
            params: &self.params,
            value: rounded(self.value()),
            unit: self.unit,
            p50: rounded(self.median()),
            p99: rounded(self.p99()),
            load1: load(),
            ratio,
        };
        println!("{}", serde_json::to_string(&line).expect("plain values"));
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The machine's load over the last minute; 0 where the system does not tell.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|load| load.parse().ok()).unwrap_or(0.0)
}
