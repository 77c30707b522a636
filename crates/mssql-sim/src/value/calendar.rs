//! Days and times of day, on the proleptic Gregorian calendar.

/// Units of 100 ns in a day.
pub(crate) const DAY7: i64 = 864_000_000_000;
/// 1900-01-01, in days since 0001-01-01.
pub(crate) const DAY_1900: i32 = 693_595;
/// 1970-01-01, in days since 0001-01-01.
const DAY_1970: i32 = 719_162;

/// A moment in UTC: days since 0001-01-01, and units of 100 ns.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Clock7 {
    pub day: i32,
    pub ticks: i64,
}

impl Clock7 {
    /// From nanoseconds since 1970.
    pub(crate) fn from_unix_nanos(nanos: i128) -> Self {
        let ticks = nanos.div_euclid(100);
        let day = ticks.div_euclid(i128::from(DAY7)) as i32;
        Self { day: day + DAY_1970, ticks: ticks.rem_euclid(i128::from(DAY7)) as i64 }
    }

    /// Rounded to 1/300 s, as `datetime` does.
    pub(crate) fn to_datetime(self) -> (i32, u32) {
        let thirds = ticks_to_300(self.ticks);
        let (day, thirds) =
            if thirds >= 25_920_000 { (self.day + 1, 0) } else { (self.day, thirds) };
        (day - DAY_1900, thirds)
    }
}

/// 100 ns to 1/300 s, rounded.
pub(crate) fn ticks_to_300(ticks: i64) -> u32 {
    ((ticks * 3 + 50_000) / 100_000) as u32
}

/// 1/300 s to 100 ns, as a datetime is shown: .000, .003, .007.
pub(crate) fn ticks_from_300(thirds: u32) -> i64 {
    let millis = (i64::from(thirds) * 10 + 1) / 3;
    millis * 10_000
}

/// Days since 0001-01-01.
pub(crate) fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month as i32 + if month > 2 { -3 } else { 9 }) + 2) / 5 + day as i32 - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 306
}

/// Year, month and day of days since 0001-01-01.
pub(crate) fn civil(days: i32) -> (i32, u32, u32) {
    let days = days + 306;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i32::from(month <= 2), month as u32, day as u32)
}

pub(crate) fn days_in_month(year: i32, month: u32) -> u32 {
    let next = if month == 12 {
        days_from_civil(year + 1, 1, 1)
    } else {
        days_from_civil(year, month + 1, 1)
    };
    (next - days_from_civil(year, month, 1)) as u32
}

/// 100 ns rounded to so many digits; a day's end may be reached.
pub(crate) fn round_ticks(ticks: i64, scale: u8) -> i64 {
    let unit = 10_i64.pow(7 - u32::from(scale.min(7)));
    (ticks + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_first_of_january_of_year_one() {
        assert_eq!(days_from_civil(1, 1, 1), 0);
        assert_eq!(days_from_civil(1900, 1, 1), DAY_1900);
        assert_eq!(days_from_civil(1970, 1, 1), DAY_1970);
        for day in (0..3_652_059).step_by(37) {
            let (y, m, d) = civil(day);
            assert_eq!(days_from_civil(y, m, d), day);
        }
    }
}
