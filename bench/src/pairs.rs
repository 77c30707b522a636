//! Interleaved pairs: ours and the other's, one after the other, the order changing each time.

/// The median of some measurements, and how far they lie apart.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    /// Of at least one measurement.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { median: values[values.len() / 2], low: values[0], high: values[values.len() - 1] }
    }

    /// `1.02 [0.97 … 1.10]`.
    pub fn show(&self, digits: usize) -> String {
        format!("{:.digits$} [{:.digits$} … {:.digits$}]", self.median, self.low, self.high)
    }
}

/// What the pairs gave.
#[derive(Debug)]
pub struct Pairs<T> {
    /// Ours, in order.
    pub ours: Vec<T>,
    /// The other's, in order.
    pub other: Vec<T>,
}

/// Measures pairs after one that is thrown away (cold caches).
pub fn measure<T>(
    pairs: usize,
    mut ours: impl FnMut() -> T,
    mut other: impl FnMut() -> T,
) -> Pairs<T> {
    let _cold = (ours(), other());
    let mut result = Pairs { ours: Vec::new(), other: Vec::new() };
    for i in 0..pairs {
        if i % 2 == 0 {
            result.ours.push(ours());
            result.other.push(other());
        } else {
            result.other.push(other());
            result.ours.push(ours());
        }
    }
    result
}

impl<T> Pairs<T> {
    /// How many times as fast as the other ours is, pair by pair.
    pub fn speed(&self, seconds: impl Fn(&T) -> f64) -> Spread {
        let pairs = self.ours.iter().zip(&self.other);
        Spread::of(pairs.map(|(ours, other)| seconds(other) / seconds(ours)).collect())
    }
}
