//! The indicators that scripts see: name, parameters, fields, and how to build one.

use super::*;

/// What an indicator takes in one place of its argument list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Parameter {
    /// A series.
    Source,
    /// A number of candles, from `least` to [`super::PERIOD_MAX`].
    Period { name: &'static str, least: usize },
    /// A number from `least` to `most`.
    Real { name: &'static str, least: f64, most: f64 },
}

impl Parameter {
    pub fn name(&self) -> &'static str {
        match self {
            Parameter::Source => "src",
            Parameter::Period { name, .. } | Parameter::Real { name, .. } => name,
        }
    }
}

/// One indicator as scripts see it.
pub struct Definition {
    pub name: &'static str,
    /// One line: what it is, with the formula where it is short.
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    /// Names of the output fields; a single one is called `value` and may be left out by scripts.
    pub fields: &'static [&'static str],
    pub build: fn(&Spec) -> Box<dyn Stream>,
}

impl Definition {
    /// `sma(src, n)`.
    pub fn signature(&self) -> String {
        let names: Vec<&str> = (0..self.parameters.len()).map(|index| self.parameter_name(index)).collect();
        format!("{}({})", self.name, names.join(", "))
    }

    /// The name of a parameter in the signature: that of [`Parameter::name`], but sources are `a`, `b` where there
    /// is more than one.
    pub fn parameter_name(&self, index: usize) -> &'static str {
        const SOURCES: [&str; 4] = ["a", "b", "c", "d"];
        let is_source = |parameter: &&Parameter| **parameter == Parameter::Source;
        let Some(parameter) = self.parameters.get(index) else { return "?" };
        if !is_source(&parameter) || self.parameters.iter().filter(is_source).count() < 2 {
            return parameter.name();
        }
        let before = self.parameters[..index].iter().filter(is_source).count();
        SOURCES.get(before).copied().unwrap_or(parameter.name())
    }
}

/// Finds an indicator by name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    REGISTRY.iter().find(|definition| definition.name == name)
}

/// Largest multiple of a deviation or range.
const MULT_MAX: f64 = 1e6;
/// Largest acceleration of the parabolic stop.
const STEP_MAX: f64 = 1e3;

const SRC: Parameter = Parameter::Source;
const VALUE: &[&str] = &["value"];

const fn period(name: &'static str, least: usize) -> Parameter {
    Parameter::Period { name, least }
}

const fn real(name: &'static str, least: f64, most: f64) -> Parameter {
    Parameter::Real { name, least, most }
}

/// The period at `index` among the periods. [`Spec::new`] has checked that it is there.
fn period_at(spec: &Spec, index: usize) -> usize {
    spec.periods().get(index).copied().unwrap_or(1)
}

/// The real number at `index` among the real numbers. [`Spec::new`] has checked that it is there.
fn real_at(spec: &Spec, index: usize) -> f64 {
    spec.reals().get(index).copied().unwrap_or(0.0)
}

fn source<I: Indicator<Input = f64> + 'static>(indicator: I) -> Box<dyn Stream> {
    Box::new(OnSource::new(indicator))
}

fn candle<I: Indicator<Input = Candle> + 'static>(indicator: I) -> Box<dyn Stream> {
    Box::new(OnCandle::new(indicator))
}

/// Every indicator, in the order in which `mista api` lists them. Least periods are those of TA-Lib 0.8.1.
pub static REGISTRY: &[Definition] = &[
    Definition {
        name: "sma",
        summary: "simple moving average: mean of the last n values",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Sma::new(period_at(spec, 0))),
    },
    Definition {
        name: "ema",
        summary: "exponential moving average: k·x + (1 − k)·ema[1] with k = 2/(n + 1), seeded with the mean of the first n",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Ema::new(period_at(spec, 0))),
    },
    Definition {
        name: "wma",
        summary: "weighted moving average: weights 1 to n, the newest heaviest",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Wma::new(period_at(spec, 0))),
    },
    Definition {
        name: "dema",
        summary: "double exponential moving average: 2·ema − ema(ema)",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Dema::new(period_at(spec, 0))),
    },
    Definition {
        name: "tema",
        summary: "triple exponential moving average: 3·ema − 3·ema(ema) + ema(ema(ema))",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Tema::new(period_at(spec, 0))),
    },
    Definition {
        name: "kama",
        summary: "Kaufman's adaptive moving average: fast in a trend, slow in noise",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Kama::new(period_at(spec, 0))),
    },
    Definition {
        name: "trima",
        summary: "triangular moving average: a simple average of a simple average",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Trima::new(period_at(spec, 0))),
    },
    Definition {
        name: "hma",
        summary: "Hull moving average: wma(2·wma(src, n/2) − wma(src, n), √n)",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(Hma::new(period_at(spec, 0))),
    },
    Definition {
        name: "rma",
        summary: "Wilder's moving average: (x + (n − 1)·rma[1])/n, seeded with the mean of the first n",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Rma::new(period_at(spec, 0))),
    },
    Definition {
        name: "rsi",
        summary: "relative strength index: 100·gain/(gain + loss), smoothed as Wilder does",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(Rsi::new(period_at(spec, 0))),
    },
    Definition {
        name: "stoch",
        summary: "stochastic: place of close in the range of k candles in percent, smoothed; d is its average",
        parameters: &[period("k", 1), period("k_smooth", 1), period("d", 1)],
        fields: &["k", "d"],
        build: |spec| candle(Stoch::new(period_at(spec, 0), period_at(spec, 1), period_at(spec, 2))),
    },
    Definition {
        name: "stoch_rsi",
        summary: "stochastic of rsi(src, n) over k rows in percent; d is its average",
        parameters: &[SRC, period("n", 2), period("k", 1), period("d", 1)],
        fields: &["k", "d"],
        build: |spec| source(StochRsi::new(period_at(spec, 0), period_at(spec, 1), period_at(spec, 2))),
    },
    Definition {
        name: "macd",
        summary: "ema(fast) − ema(slow), its ema as signal, and the difference of the two",
        parameters: &[SRC, period("fast", 2), period("slow", 2), period("signal", 1)],
        fields: &["macd", "signal", "hist"],
        build: |spec| source(Macd::new(period_at(spec, 0), period_at(spec, 1), period_at(spec, 2))),
    },
    Definition {
        name: "bollinger",
        summary: "Bollinger bands: sma ± mult·stddev; width relative to the middle, and where src lies between the bands",
        parameters: &[SRC, period("n", 2), real("mult", 0.0, MULT_MAX)],
        fields: &["upper", "middle", "lower", "width", "percent_b"],
        build: |spec| source(Bollinger::new(period_at(spec, 0), real_at(spec, 0))),
    },
    Definition {
        name: "keltner",
        summary: "Keltner channel: ema(close, n) ± mult·atr(atr_n)",
        parameters: &[period("n", 1), period("atr_n", 1), real("mult", 0.0, MULT_MAX)],
        fields: &["upper", "middle", "lower"],
        build: |spec| candle(Keltner::new(period_at(spec, 0), period_at(spec, 1), real_at(spec, 0))),
    },
    Definition {
        name: "donchian",
        summary: "Donchian channel: highest high and lowest low of n candles, the current one included",
        parameters: &[period("n", 2)],
        fields: &["upper", "middle", "lower"],
        build: |spec| candle(Donchian::new(period_at(spec, 0))),
    },
    Definition {
        name: "highest",
        summary: "greatest of the last n values, the current one included",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(Highest::new(period_at(spec, 0))),
    },
    Definition {
        name: "lowest",
        summary: "least of the last n values, the current one included",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(Lowest::new(period_at(spec, 0))),
    },
    Definition {
        name: "atr",
        summary: "average true range, smoothed as Wilder does",
        parameters: &[period("n", 1)],
        fields: VALUE,
        build: |spec| candle(Atr::new(period_at(spec, 0))),
    },
    Definition {
        name: "natr",
        summary: "average true range in percent of close",
        parameters: &[period("n", 1)],
        fields: VALUE,
        build: |spec| candle(Natr::new(period_at(spec, 0))),
    },
    Definition {
        name: "true_range",
        summary: "greatest of high − low, |high − close[1]|, |low − close[1]|",
        parameters: &[],
        fields: VALUE,
        build: |_| candle(TrueRange::new()),
    },
    Definition {
        name: "adx",
        summary: "average directional index, and the directional indicators it comes from",
        parameters: &[period("n", 2)],
        fields: &["adx", "plus_di", "minus_di"],
        build: |spec| candle(Adx::new(period_at(spec, 0))),
    },
    Definition {
        name: "aroon",
        summary: "Aroon: how fresh the highest high and the lowest low of n + 1 candles are, in percent",
        parameters: &[period("n", 2)],
        fields: &["up", "down", "osc"],
        build: |spec| candle(Aroon::new(period_at(spec, 0))),
    },
    Definition {
        name: "cci",
        summary: "commodity channel index: (typical − mean)/(0.015·mean deviation)",
        parameters: &[period("n", 2)],
        fields: VALUE,
        build: |spec| candle(Cci::new(period_at(spec, 0))),
    },
    Definition {
        name: "willr",
        summary: "Williams %R: distance of close from the highest high in percent of the range, negative",
        parameters: &[period("n", 2)],
        fields: VALUE,
        build: |spec| candle(Willr::new(period_at(spec, 0))),
    },
    Definition {
        name: "mfi",
        summary: "money flow index: share of the flow on rising typical prices, in percent",
        parameters: &[period("n", 2)],
        fields: VALUE,
        build: |spec| candle(Mfi::new(period_at(spec, 0))),
    },
    Definition {
        name: "ultosc",
        summary: "ultimate oscillator: buying pressure over three periods, weighted 4, 2, 1",
        parameters: &[period("a", 1), period("b", 1), period("c", 1)],
        fields: VALUE,
        build: |spec| candle(Ultosc::new(period_at(spec, 0), period_at(spec, 1), period_at(spec, 2))),
    },
    Definition {
        name: "roc",
        summary: "rate of change: 100·(x/x[n] − 1)",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Roc::new(period_at(spec, 0))),
    },
    Definition {
        name: "mom",
        summary: "momentum: x − x[n]",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Mom::new(period_at(spec, 0))),
    },
    Definition {
        name: "trix",
        summary: "rate of change of a triple ema, in percent",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Trix::new(period_at(spec, 0))),
    },
    Definition {
        name: "ppo",
        summary: "percentage price oscillator: 100·(ema(f) − ema(s))/ema(s)",
        parameters: &[SRC, period("f", 2), period("s", 2)],
        fields: VALUE,
        build: |spec| source(Ppo::new(period_at(spec, 0), period_at(spec, 1))),
    },
    Definition {
        name: "stddev",
        summary: "population standard deviation of the last n values",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(Stddev::new(period_at(spec, 0))),
    },
    Definition {
        name: "variance",
        summary: "population variance of the last n values",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Variance::new(period_at(spec, 0))),
    },
    Definition {
        name: "zscore",
        summary: "(x − sma)/stddev over n values, 0 where the deviation is 0",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(Zscore::new(period_at(spec, 0))),
    },
    Definition {
        name: "linreg",
        summary: "end of the least-squares line through the last n values",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(Linreg::new(period_at(spec, 0))),
    },
    Definition {
        name: "linreg_slope",
        summary: "slope per candle of the least-squares line through the last n values",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(LinregSlope::new(period_at(spec, 0))),
    },
    Definition {
        name: "correlation",
        summary: "Pearson's correlation of the last n pairs, −1 to 1",
        parameters: &[SRC, SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| Box::new(OnPair::new(Correlation::new(period_at(spec, 0)))),
    },
    Definition {
        name: "obv",
        summary: "on-balance volume: volume added when close rises, taken away when it falls",
        parameters: &[],
        fields: VALUE,
        build: |_| candle(Obv::new()),
    },
    Definition {
        name: "ad",
        summary: "accumulation/distribution: volume weighted by where close lies in the range",
        parameters: &[],
        fields: VALUE,
        build: |_| candle(Ad::new()),
    },
    Definition {
        name: "adosc",
        summary: "Chaikin oscillator: fast minus slow average of the accumulation/distribution line",
        parameters: &[period("f", 2), period("s", 2)],
        fields: VALUE,
        build: |spec| candle(Adosc::new(period_at(spec, 0), period_at(spec, 1))),
    },
    Definition {
        name: "cmf",
        summary: "Chaikin money flow: volume weighted by where close lies in the range, over the volume of n candles",
        parameters: &[period("n", 1)],
        fields: VALUE,
        build: |spec| candle(Cmf::new(period_at(spec, 0))),
    },
    Definition {
        name: "vwap",
        summary: "volume-weighted average price since 00:00 UTC",
        parameters: &[],
        fields: VALUE,
        build: |_| candle(Vwap::new()),
    },
    Definition {
        name: "psar",
        summary: "parabolic stop and reverse",
        parameters: &[real("step", 0.0, STEP_MAX), real("max", 0.0, STEP_MAX)],
        fields: VALUE,
        build: |spec| candle(Psar::new(real_at(spec, 0), real_at(spec, 1))),
    },
    Definition {
        name: "supertrend",
        summary: "Supertrend: a trailing band mult·atr(n) off the middle; direction 1 up, −1 down",
        parameters: &[period("n", 1), real("mult", 0.0, MULT_MAX)],
        fields: &["value", "direction"],
        build: |spec| candle(Supertrend::new(period_at(spec, 0), real_at(spec, 0))),
    },
    Definition {
        name: "ichimoku",
        summary: "Ichimoku: middles of the range of three periods; spans not shifted",
        parameters: &[period("tenkan", 1), period("kijun", 1), period("senkou", 1)],
        fields: &["tenkan", "kijun", "senkou_a", "senkou_b"],
        build: |spec| candle(Ichimoku::new(period_at(spec, 0), period_at(spec, 1), period_at(spec, 2))),
    },
    Definition {
        name: "heikin_ashi",
        summary: "Heikin-Ashi candles: averaged prices",
        parameters: &[],
        fields: &["open", "high", "low", "close"],
        build: |_| candle(HeikinAshi::new()),
    },
    Definition {
        name: "percentile",
        summary: "value below which q percent of the last n values lie, interpolated",
        parameters: &[SRC, period("n", 1), real("q", 0.0, 100.0)],
        fields: VALUE,
        build: |spec| source(Percentile::new(period_at(spec, 0), real_at(spec, 0))),
    },
    Definition {
        name: "sum",
        summary: "sum of the last n values",
        parameters: &[SRC, period("n", 2)],
        fields: VALUE,
        build: |spec| source(Sum::new(period_at(spec, 0))),
    },
    Definition {
        name: "change",
        summary: "x − x[n]",
        parameters: &[SRC, period("n", 1)],
        fields: VALUE,
        build: |spec| source(Mom::new(period_at(spec, 0))),
    },
];
