/* Rules and timetables as the pages share them. */
import { useQuery } from '@tanstack/react-query';
import { rulesApi } from '../api/rules';

export function useRules() {
  return useQuery({ queryKey: ['rules'], queryFn: rulesApi.rules, staleTime: 15_000, retry: false });
}

export function useRule(id: string) {
  return useQuery({ queryKey: ['rules', id], queryFn: () => rulesApi.rule(id), retry: false });
}

export function useTimetables() {
  return useQuery({ queryKey: ['timetables'], queryFn: rulesApi.timetables, staleTime: 15_000, retry: false });
}
