"""What is said when nobody wrote a template? Texts in the single-brace notation."""

from __future__ import annotations

INITIAL = """\
🚨 **INCIDENT DETECTED** 🚨

**Incident**: {incident_id}
**Severity**: {severity}
**Service**: {service}
**Issue**: {description}
**Time**: {timestamp}
**Assigned**: {assignee}

**Status**: {status}
**Next Update**: {next_update_time}
{incident_link}
"""

UPDATE = """\
🔄 **INCIDENT UPDATE**

**Incident**: {incident_id}
**Status**: {status}
**Progress**: {progress_description}
**ETA**: {estimated_resolution}
**Next Update**: {next_update_time}
{incident_link}
"""

RESOLUTION = """\
✅ **INCIDENT RESOLVED**

**Incident**: {incident_id}
**Duration**: {total_duration}
**Root Cause**: {root_cause}
**Resolution**: {resolution_summary}
**Post-mortem**: {postmortem_link}
"""

PUBLIC_INITIAL = "We are looking into a problem. Next update: {next_update_time}."
PUBLIC_UPDATE = "{progress_description}"
PUBLIC_RESOLUTION = "This incident is resolved. It lasted {total_duration}."

CUSTOMERS_INITIAL = """\
We noticed a problem with our service at {started_at} and are working on it.

Next update: {next_update_time}
{status_page_link}
"""
CUSTOMERS_UPDATE = """\
{progress_description}

Expected to be over: {estimated_resolution}
Next update: {next_update_time}
{status_page_link}
"""
CUSTOMERS_RESOLUTION = """\
The problem is over. It lasted {total_duration}. We apologise for the trouble it made.

{status_page_link}
"""

SUBJECTS = {
    "initial": "[{severity}] {incident_id}: {title}",
    "update": "[{severity}] Update on {incident_id}: {title}",
    "resolution": "[Resolved] {incident_id}: {title}",
}
CUSTOMERS_SUBJECTS = {
    "initial": "We are looking into a problem",
    "update": "Update on the problem with our service",
    "resolution": "The problem with our service is over",
}
