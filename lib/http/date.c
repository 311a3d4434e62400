/* SPDX-License-Identifier: MIT */
#include "lib/http/date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Not strftime: its names of days and months follow the locale. */
void http_date(char out[HTTP_DATE + 1], int64_t seconds)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const time_t zero;
    char text[64];
    time_t when = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&when, &tm) || tm.tm_year < 1 - 1900 || tm.tm_year > 9999 - 1900)
        gmtime_r(&zero, &tm);
    snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
             tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
    memcpy(out, text, HTTP_DATE);
    out[HTTP_DATE] = '\0';
}
