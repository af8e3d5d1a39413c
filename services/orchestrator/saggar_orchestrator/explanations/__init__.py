"""Where a classifier's answers come from: `explaining` finds it (Grad-CAM), `drawing` shows it as one PNG, and `cases`
makes small pictures for a report.
"""
